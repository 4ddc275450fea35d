"""Screenshots of every page, three widths, two themes: _build/shots/<page>-<width>-<theme>.png."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from browsing import BUILD, launch, pages

SHOTS = BUILD.parent / "shots"


def main():
    SHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for theme in ("light", "dark"):
            for width in (390, 768, 1280):
                page = browser.new_page(
                    viewport={"width": width, "height": 900}, color_scheme=theme
                )
                for path in pages():
                    page.goto(path.as_uri(), wait_until="load")
                    page.wait_for_timeout(600)  # figures come after loading
                    name = f"{Path(path).stem}-{width}-{theme}.png"
                    page.screenshot(path=SHOTS / name, full_page=True)
                page.close()
        browser.close()
    print(f"{len(list(SHOTS.glob('*.png')))} screenshots in {SHOTS}")


if __name__ == "__main__":
    main()
