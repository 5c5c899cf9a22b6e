const WORDS_SHOWN = 3;

/** The last of a driver's words are the reason; pasta prints its whole usage before them, or after a bad option. */
export function lastWords(words: string): string {
  const said = words.split('\n').filter((line) => line.trim() !== '');
  const usage = said.findIndex((line) => /^usage:/i.test(line));
  return (usage > 0 ? said.slice(0, usage) : said).slice(-WORDS_SHOWN).join('; ');
}
