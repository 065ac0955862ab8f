// Which answers are written with Markdown; the others are shown as they are, line by line.

const MARKS = [
  /^#{1,4}\s+\S/m,
  /^\s*[-*+]\s+\S/m,
  /^\s*\d{1,2}[.)]\s+\S/m,
  /^\s*\|.+\|\s*$/m,
  /\[[^\]\n]+\]\((?:https?:|tel:|mailto:)[^)\s]+\)/,
  /\*\*[^*\n]+\*\*/,
];

export const isFormatted = (text: string): boolean => MARKS.some((mark) => mark.test(text));
