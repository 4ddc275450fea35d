/* Icons come from the web font; the 1.5 MB of SVG icons that the theme also loads stay out. */
