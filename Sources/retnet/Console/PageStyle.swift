/// The style of the pages that the program writes, beside `ChartStyle.sheet`: one column, light and dark.
enum PageStyle {
  static let sheet = """
    :root{color-scheme:light dark;--bg:#fff;--fg:#1f2328;--dim:#59636e;--rule:#d1d9e0;--panel:#f6f8fa}
    @media (prefers-color-scheme:dark){
    :root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--rule:#3d444d;--panel:#161b22}}
    *{box-sizing:border-box}
    body{margin:0 auto;padding:1rem;max-width:58rem;background:var(--bg);color:var(--fg);
    font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
    h1{font-size:1.6rem;margin:.5rem 0 1rem}h2{font-size:1.25rem;margin:2rem 0 .5rem}
    dl{margin:0;display:grid;gap:.15rem}dl div{display:grid;grid-template-columns:minmax(5.5rem,9rem) 3fr;gap:.75rem}
    dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}
    figure{margin:2rem 0}.wide{overflow-x:auto}
    figure svg{display:block;width:100%;min-width:40rem;height:auto}
    details{margin-top:.5rem;font-size:.85rem}summary{cursor:pointer;color:var(--dim)}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums}
    th,td{padding:.1rem .75rem .1rem 0;text-align:right;white-space:nowrap;font-weight:400}th{color:var(--dim)}
    """
}
