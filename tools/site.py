"""Put together what is published: `python tools/site.py FOLDER`, after the book is built.

FOLDER becomes the site's root: the pages, the notebooks with solutions (notebooks/) and without
(notebooks-without-solutions/), the wheel that the notebooks install, and all of these in one
archive for reading without a network, with its checksum. Beside the archive lie the PDF, and the
pictures that shared links show, which are of no use without a network. Wheels of other versions
that lie in FOLDER stay, because notebooks that people have kept ask for them; all else there goes.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import cards

ROOT = Path(__file__).parents[1]
ARCHIVE = "normalization-book.zip"
PDF = "normalization-book.pdf"


def clear(site):
    """Empty the folder of the last site, but for its wheels."""
    site.mkdir(parents=True, exist_ok=True)
    for path in site.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.suffix != ".whl":
            path.unlink()


def add_pages(html, site):
    """Copy what the build has made, notebooks included."""
    shutil.copytree(html, site, dirs_exist_ok=True)
    (site / ".nojekyll").touch()  # GitHub would leave out _static and _images


def add_wheel(site):
    """Build the wheel; a wheel of the same version gives way, since the notebooks are new too."""
    new = site / "new"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", new, ROOT]
    subprocess.run(command, check=True)
    (wheel,) = new.glob("*.whl")
    made = wheel.replace(site / wheel.name)
    new.rmdir()
    return made


def add_archive(site, wheel):
    """One file with everything but older wheels, the same bytes for the same content."""
    inside = [
        path
        for path in sorted(site.rglob("*"))
        if path.is_file() and (path == wheel or path.suffix != ".whl")
    ]
    with zipfile.ZipFile(site / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in inside:
            name = f"{Path(ARCHIVE).stem}/{path.relative_to(site).as_posix()}"
            entry = zipfile.ZipInfo(name)  # 1980: the archive has no date of its own
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    digest = hashlib.sha256((site / ARCHIVE).read_bytes()).hexdigest()
    # The form that `sha256sum --check` reads.
    (site / f"{ARCHIVE}.sha256").write_text(f"{digest}  {ARCHIVE}\n")
    return digest


def assemble(html, site, wheel_into=add_wheel):
    """Fill the folder; `wheel_into` puts the wheel there and returns its path."""
    clear(site)
    add_pages(html, site)
    wheel = wheel_into(site)
    add_archive(site, wheel)
    return wheel


def main(site):
    """Put the built book into the folder."""
    html = ROOT / "_build" / "html"
    if not (html / "index.html").exists():
        sys.exit(f"There is no book in {html}. Build it first: make")
    pdf = html.with_name(PDF)
    if not pdf.exists():
        sys.exit(f"There is no {PDF} in {pdf.parent}. Print it first: make pdf")
    wheel = assemble(html, site)
    cards.make(html, site)
    # Beside the archive: its bytes depend on the browser and the fonts of the machine.
    shutil.copyfile(pdf, site / PDF)
    sizes = [f"{name} ({(site / name).stat().st_size / 1e6:.0f} MB)" for name in (ARCHIVE, PDF)]
    print(f"{site} holds the site: {wheel.name}, {', '.join(sizes)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve())
