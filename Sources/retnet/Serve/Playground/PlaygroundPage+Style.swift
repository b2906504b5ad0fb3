/// The style of the page: the colours of `PageStyle`, light and dark, one column on a phone and two elsewhere.
extension PlaygroundPage {
  /// A token is shaded by `--s`, per cent of the scale of its surprise.
  static let style = #"""
    :root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--dim:#59636e;--rule:#d1d9e0;--edge:#818b98;--panel:#f6f8fa;
    --blue:#0969da;--on-blue:#fff;--hot:#bc4c00;--bad:#cf222e;--shade:.5}
    @media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--rule:#3d444d;--edge:#656c76;
    --panel:#161b22;--blue:#58a6ff;--on-blue:#0d1117;--hot:#f0883e;--bad:#ff7b72;--shade:.46}}
    *{box-sizing:border-box}[hidden]{display:none!important}
    html{scroll-padding:6rem 0 15rem}
    body{margin:0;background:var(--bg);color:var(--fg);
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
    :focus-visible{outline:2px solid var(--blue);outline-offset:2px}
    header{position:sticky;top:0;z-index:2;background:var(--panel);border-bottom:1px solid var(--rule)}
    .bar,main{max-width:78rem;margin:0 auto;padding:0 1.25rem}
    .bar{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.25rem 2rem;
    padding-top:.6rem;padding-bottom:.6rem}
    h1{margin:0;font-size:1.05rem;font-weight:600;overflow-wrap:anywhere}h1 span{color:var(--dim);font-weight:400}
    dl{display:flex;gap:2rem;margin:0;font-variant-numeric:tabular-nums}
    dt{font-size:.75rem;line-height:1.2;color:var(--dim)}dd{margin:0;line-height:1.35;min-width:6.5rem}
    small{font-size:.8rem;color:var(--dim)}
    main{display:grid;grid-template-columns:minmax(0,1fr) 20.5rem;gap:2.5rem;align-items:start}
    section{display:flex;flex-direction:column;min-height:calc(100dvh - 3.7rem)}
    aside{position:sticky;top:3.7rem;max-height:calc(100dvh - 3.7rem);overflow-y:auto;padding:1rem .25rem}
    #legend{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;padding:1rem 0 .5rem;font-size:.8rem;color:var(--dim)}
    .scale{display:grid;grid-template-columns:repeat(4,3.25rem);text-align:center}
    .scale i{grid-column:1/-1;height:.65rem;margin:.3rem 1.6rem .1rem;border-radius:2px;
    background:linear-gradient(90deg,transparent,color-mix(in srgb,var(--hot) calc(var(--shade)*100%),transparent));
    box-shadow:0 0 0 1px var(--rule)}
    .scale b{font-weight:400}
    #legend u,.rare{text-decoration:underline dotted var(--hot) 2px;text-underline-offset:.25em}
    #text{flex:1;padding:.25rem 0 1.5rem;font-size:1.1rem;line-height:1.75;white-space:pre-wrap;overflow-wrap:anywhere}
    #text:empty::before{content:"Type the beginning of a text below: the model goes on from it.\A\A\
    Each token is shaded by how much it surprised the model. Click one to see what else could have been there, and to \
    go on from that.";
    color:var(--dim)}
    .token{border-radius:3px;cursor:pointer;-webkit-tap-highlight-color:transparent;
    background:color-mix(in srgb,var(--hot) calc(var(--s,0)*var(--shade)*1%),transparent)}
    @media (hover:hover){.token:hover{box-shadow:0 0 0 1.5px var(--edge)}}
    .token:focus-visible,.token.open{outline:2px solid var(--blue);outline-offset:0}
    .yours{font-weight:600}.line::before{content:"↵";color:var(--dim);font-weight:400}
    .end,.unknown{padding:0 .4em;border:1px solid var(--rule);font-size:.85rem;color:var(--dim);white-space:normal}
    .writing .token:last-child{border-right:.5em solid var(--blue);border-radius:0}
    form{margin:0}
    #composer{position:sticky;bottom:0;z-index:1;padding:.75rem 0 calc(.6rem + env(safe-area-inset-bottom));
    background:var(--bg);border-top:1px solid var(--rule)}
    label{display:block;font-size:.85rem;color:var(--dim)}
    input,textarea,button{font:inherit;color:inherit;border-radius:6px;border:1px solid var(--edge)}
    input,textarea{width:100%;margin-top:.15rem;padding:.35rem .6rem;background:var(--bg);color:var(--fg)}
    textarea{display:block;min-height:3.6rem;max-height:40dvh;resize:vertical;field-sizing:content}
    input:invalid{border-color:var(--bad)}#name:invalid,#key:invalid{border-color:var(--edge)}
    button{padding:.35rem .8rem;background:var(--panel);cursor:pointer;white-space:nowrap}
    button:hover:enabled{border-color:var(--fg)}button:disabled{opacity:.5;cursor:default}
    .primary{min-width:7rem;background:var(--blue);border-color:var(--blue);color:var(--on-blue);font-weight:600}
    .row{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin-top:.5rem}
    .row input{flex:1;min-width:6rem;margin:0}
    #note{min-height:1.5em;margin:.35rem 0 0;font-size:.9rem;overflow-wrap:anywhere}#note.bad{color:var(--bad)}
    #keys{margin:0;font-size:.8rem;color:var(--dim)}
    kbd{padding:0 .3em;border:1px solid var(--rule);border-radius:4px;background:var(--panel);font:inherit}
    #key-form{margin-top:1rem;padding:.75rem 1rem 1rem;border:1px solid var(--edge);border-radius:8px;
    background:var(--panel)}
    details{margin-bottom:1.5rem}summary{margin-bottom:.5rem;font-weight:600;cursor:pointer}
    .fields{display:grid;grid-template-columns:1fr 1fr;gap:.6rem .75rem}.fields small{display:block;line-height:1.3}
    #names{list-style:none;margin:1rem 0 0;padding:0}
    #names li{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .5rem;padding:.5rem 0;
    border-top:1px solid var(--rule)}
    #names div{flex:1;min-width:7.5rem;overflow-wrap:anywhere}#names small{display:block}
    #names button{padding:.15rem .5rem;font-size:.9rem}
    #states-missing{margin:0;color:var(--dim);font-size:.9rem}
    #choices{position:fixed;inset:auto;top:var(--y);left:var(--x);width:19rem;max-width:calc(100vw - 1rem);margin:0;
    padding:.75rem;border:1px solid var(--edge);border-radius:8px;background:var(--bg);color:var(--fg);
    box-shadow:0 8px 28px #0004}
    #choices p{margin:0}#choice-title{font-weight:600;overflow-wrap:anywhere}
    #choice-note{font-size:.85rem;color:var(--dim)}#choice-list{list-style:none;margin:.5rem 0;padding:0}
    #choice-list button{display:flex;justify-content:space-between;gap:1rem;width:100%;margin-bottom:.25rem;
    text-align:left;font-variant-numeric:tabular-nums;background:linear-gradient(90deg,
    color-mix(in srgb,var(--blue) 22%,var(--panel)) var(--p),var(--panel) var(--p))}
    #choice-list span{overflow:hidden;text-overflow:ellipsis}
    #choice-list .now{border-width:2px;font-weight:600;opacity:1}
    @media (prefers-reduced-motion:no-preference){
    .writing .token:last-child{animation:blink 1s steps(2,jump-none) infinite}
    @keyframes blink{to{border-color:transparent}}}
    @media (max-width:56rem){main{grid-template-columns:minmax(0,1fr);gap:0}section{min-height:calc(100dvh - 5.5rem)}
    aside{position:static;max-height:none;padding:1rem 0;border-top:1px solid var(--rule)}
    .fields{grid-template-columns:repeat(auto-fill,minmax(9rem,1fr))}}
    @media (max-width:40rem){.bar,main{padding-left:1rem;padding-right:1rem}
    dl{width:100%;gap:1rem;justify-content:space-between;font-size:.85rem;white-space:nowrap}
    dt,dd small{font-size:.7rem}dd{min-width:0}dd small{display:block;line-height:1.2}
    #buttons{gap:.35rem}#buttons button{flex:1 1 auto;padding:.5rem .3rem;font-size:.9rem}.primary{min-width:5.5rem}
    #composer label,#keys{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
    textarea{min-height:2.4rem}input{font-size:1rem}
    #names button{padding:.35rem .75rem}summary{padding:.35rem 0}
    #choices{inset:auto 0 0;width:auto;max-width:none;border-radius:12px 12px 0 0;
    padding-bottom:calc(.75rem + env(safe-area-inset-bottom))}#choices button{padding:.55rem .8rem}#cut{width:100%}}
    """#
}
