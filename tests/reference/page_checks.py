"""What is wrong with a page as a browser shows it: letters, targets, names and contrast (WCAG 2.2, JIS X 8341-3)."""

from playwright.sync_api import Page

LEAST_TARGET_PX = 44
LEAST_LETTERS_PX = 11

SMALL_LETTERS = """least => [...document.querySelectorAll('body *')].filter(e =>
  !e.closest('svg') && e.childNodes.length && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
  && parseFloat(getComputedStyle(e).fontSize) < least).map(e => e.outerHTML.slice(0, 80))"""
SMALL_TARGETS = """least => [...document.querySelectorAll('nav a, button, input:not([type=hidden]):not([type=radio]), select, summary, .button')]
  .filter(e => e.offsetParent && e.getBoundingClientRect().height < least - 0.5).map(e => e.outerHTML.slice(0, 80))"""
UNNAMED = """() => [
  ...[...document.querySelectorAll('img:not([alt])')],
  ...[...document.querySelectorAll('svg:not([aria-hidden=true])')].filter(e => !e.getAttribute('aria-label')),
  ...[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e => !e.labels.length),
  ...[...document.querySelectorAll('a, button')].filter(e => !e.textContent.trim() && !e.querySelector('img[alt]:not([alt=""])')),
].map(e => e.outerHTML.slice(0, 80))"""
LOW_CONTRAST = """() => {
  const probe = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = c => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = c; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data]; };
  const light = c => { const [r, g, b] = c.map(v => { v /= 255;
    return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] > 250) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && e.checkVisibility()
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
      const style = getComputedStyle(e), a = light(rgb(style.color).slice(0, 3)), b = light(ground(e).slice(0, 3));
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      return [ratio, e.outerHTML.slice(0, 80)]; }).filter(([ratio]) => ratio < 4.5).slice(0, 5); }"""


def faults_of(page: Page, *, is_phone: bool) -> list[str]:
    """Return what is too wide, too small, without a name, or too pale; on a phone also targets too small for a thumb."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    shown = page.viewport_size["width"]
    faults = [f"{wide} px wide"] if wide > shown else []
    faults += [f"small letters: {found}" for found in page.evaluate(SMALL_LETTERS, LEAST_LETTERS_PX)]
    faults += [f"no name: {found}" for found in page.evaluate(UNNAMED)]
    faults += [f"pale: {found}" for found in page.evaluate(LOW_CONTRAST)]
    if is_phone:
        faults += [f"small target: {found}" for found in page.evaluate(SMALL_TARGETS, LEAST_TARGET_PX)]
    return faults
