/** Any text as the content of an XML element. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** The text that an XML parser reads from an element's content. */
export function unescapeXml(content: string): string {
  return content.replaceAll("&apos;", "'").replaceAll("&quot;", '"').replaceAll("&gt;", ">")
    .replaceAll("&lt;", "<").replaceAll("&amp;", "&");
}
