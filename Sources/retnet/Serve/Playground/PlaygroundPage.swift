/// The page at `/`, on which a person tries the model.
///
/// It is one document that loads nothing else: its policy lets it talk to this server only.
enum PlaygroundPage {
  /// The whole document, in UTF-8.
  static let html = #"""
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self'; img-src data:;
      style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
    <title>RetNet playground</title>
    <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect
     width='16' height='16' rx='3' fill='%23bc4c00'/%3E%3Cpath d='M3 5h10M3 8h7M3 11h4' stroke='%23fff'
     stroke-width='1.6'/%3E%3C/svg%3E">
    <style>
    \#(style)
    </style>
    </head>
    <body>
    <header>
      <div class="bar">
        <h1>RetNet <span id="model"></span></h1>
        <dl>
          <div><dt>Context</dt><dd id="context">–</dd></div>
          <div><dt>Speed</dt><dd id="speed">–</dd></div>
          <div><dt>State</dt><dd><span id="size">–</span> <small id="growth"></small></dd></div>
        </dl>
      </div>
    </header>
    <main>
      <section aria-label="Writing">
        <form id="key-form" hidden>
          <label for="key">The server asks for an API key</label>
          <div class="row"><input id="key" type="password" autocomplete="off" required><button>Use it</button></div>
        </form>
        <div id="legend">
          <span>Probability</span>
          <span class="scale"><i></i><b>100%</b><b>10%</b><b>1%</b><b>0.1%</b></span>
          <span><u>underlined</u>: below 1%</span>
          <span><strong>bold</strong>: yours</span>
        </div>
        <div id="text" role="group" aria-label="The text, token by token"></div>
        <form id="composer">
          <label for="prompt">Your text</label>
          <textarea id="prompt" rows="3" spellcheck="false" aria-describedby="keys"></textarea>
          <div class="row" id="buttons">
            <button id="go" class="primary">Generate</button>
            <button id="undo-run" type="button" title="Take back the last run, with what you typed">Undo run</button>
            <button id="undo-token" type="button" title="Take back the last token, or typed text">Undo token</button>
            <button id="clear" type="button" title="Start an empty text">New</button>
          </div>
          <p id="note" role="status"></p>
          <p id="keys"><kbd>Ctrl</kbd>+<kbd>Enter</kbd> generates, <kbd>Esc</kbd> stops. In the text: <kbd>←</kbd>
            <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> walk, <kbd>Enter</kbd> shows alternatives.</p>
        </form>
      </section>
      <aside>
        <details id="samplers" open>
          <summary>Samplers</summary>
          <div class="fields" id="fields"></div>
          <div class="row"><button id="defaults" type="button">Defaults</button><small id="seed-used"></small></div>
        </details>
        <details id="states" open>
          <summary>States</summary>
          <div id="states-here">
            <form id="keep">
              <label for="name">Keep this place under a name</label>
              <div class="row">
                <input id="name" required maxlength="64" pattern="[\w\-][\w.\-]*" autocomplete="off" spellcheck="false"
                  title="Letters, digits, dots, underscores and hyphens; no dot first">
                <button>Keep</button>
              </div>
            </form>
            <ul id="names"></ul>
          </div>
          <p id="states-missing" hidden>This model has layers of attention. Its cache grows with the text, so there are
            no states to keep, and each run reads the whole text again.</p>
        </details>
      </aside>
    </main>
    <div id="choices" popover role="dialog" aria-labelledby="choice-title">
      <p id="choice-title"></p>
      <p id="choice-note"></p>
      <ul id="choice-list"></ul>
      <button id="cut" type="button">Take back from here</button>
    </div>
    <script>
    \#(script)
    \#(view)
    </script>
    </body>
    </html>
    """#
}
