// The part of Markdown that answers may use: headings, lists, tables, links, emphasis. HTML is shown as text, images are not loaded.
import MarkdownIt from "markdown-it";

const SAFE_LINK = /^(?:https?:\/\/|tel:|mailto:)/i;

const markdown = new MarkdownIt("zero", { html: false, breaks: true, linkify: false, typographer: false });
markdown.enable(["heading", "list", "table", "link", "autolink", "emphasis", "newline", "escape", "entity", "hr", "blockquote"]);
markdown.validateLink = (url: string) => SAFE_LINK.test(url.trim());
markdown.renderer.rules.link_open = (tokens, at, options, _env, self) => {
  const token = tokens[at];
  token?.attrSet("rel", "noopener noreferrer");
  token?.attrSet("target", "_blank");
  return self.renderToken(tokens, at, options);
};

/** HTML that is safe for `v-html`: every character of the source is escaped except the tags made from the marks above. */
export const toHtml = (source: string): string => markdown.render(source);
