/** The words in quotes on a command line of systemd, as it reads them. */
export function systemdWords(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) =>
    word.replace(/\\(.)/g, "$1").replaceAll("%%", "%").replaceAll("$$", "$")
  );
}

/** A word of a command line of Windows, in quotes, as CommandLineToArgvW reads it. */
export function windowsWord(text: string): string {
  return `"${text.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}

/** The words of a command line of Windows. Of backslashes, only those before a quote stand for half as many. */
export function windowsWords(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let isQuoted = false;
  for (const [, slashes = "", end = ""] of line.matchAll(/([\\]*)([^\\]|$)/g)) {
    const isEscaped = end === '"' && slashes.length % 2 === 1;
    word += end === '"' ? slashes.slice(0, Math.floor(slashes.length / 2)) : slashes;
    if (end === '"' && !isEscaped) isQuoted = !isQuoted;
    else if (isQuoted || !/^\s?$/.test(end)) word += end;
    else if (word !== "") {
      words.push(word);
      word = "";
    }
  }
  return words;
}
