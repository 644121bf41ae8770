/** The icon of the page's tab: a check, a cross in a square, or a broken ring where nothing is known. */
export function iconOf(mood: string): string {
  const shapes: Record<string, string> = {
    well:
      `<circle cx="8" cy="8" r="8" fill="#2c7a5b"/><path d="M4 8.5l3 3 5-6" fill="none" stroke="#fff" stroke-width="2"/>`,
    ill:
      `<path d="M0 0h16v16H0z" fill="#c2361b"/><path d="M4 4l8 8M12 4l-8 8" stroke="#fff" stroke-width="2.2"/>`,
    stale: `<circle cx="8" cy="8" r="6" fill="none" stroke="#888" stroke-width="3" stroke-dasharray="4 3"/>`,
  };
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${shapes[mood]}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
