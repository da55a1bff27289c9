/** The HTML of a page: a frame without any data, which comes by message. */

export interface PageParts {
  /** Names the page for its styles and for tests: `dashboard`. */
  readonly view: string;
  readonly title: string;
  /** BCP 47 */
  readonly language: string;
  /** Fresh for each page. */
  readonly nonce: string;
  readonly cspSource: string;
  readonly scriptUri: string;
  readonly styleUri: string;
}

/**
 * Nothing but our own script and style sheet is loaded or run. The toolkit makes one empty style element to try out a selector,
 * with the nonce that it finds in `csp-nonce`.
 */
export function pageHtml({ view, title, language, nonce, cspSource, scriptUri, styleUri }: PageParts): string {
  const policy = [`default-src 'none'`, `style-src ${cspSource} 'nonce-${nonce}'`, `script-src 'nonce-${nonce}'`].join(
    '; ',
  );
  return `<!DOCTYPE html>
<html lang="${attribute(language)}">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${attribute(policy)}">
    <meta property="csp-nonce" content="${attribute(nonce)}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="stylesheet" href="${attribute(styleUri)}">
    <title>${attribute(title)}</title>
  </head>
  <body data-view="${attribute(view)}">
    <div id="page"></div>
    <div id="announcements" class="spoken" role="status" aria-live="polite"></div>
    <script type="module" nonce="${attribute(nonce)}" src="${attribute(scriptUri)}"></script>
  </body>
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '"': '&quot;',
  '<': '&lt;',
  '>': '&gt;',
};

function attribute(text: string): string {
  return text.replace(/[&"<>]/g, (character) => entities[character] ?? character);
}
