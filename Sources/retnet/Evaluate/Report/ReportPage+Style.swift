/// The style sheet and the script of the page. Colours are those of the charts.
extension ReportPage {
  static let style = """
    \(PageStyle.sheet)
    :root{--heat:207 34 46}@media (prefers-color-scheme:dark){:root{--heat:248 81 73}}
    body{padding-bottom:11rem}
    figcaption,#modes,#scale,main>p{color:var(--dim);font-size:.9rem}
    #modes{border:0;padding:0;margin:0;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
    #modes legend{float:left;padding:0;margin-right:1rem}#modes label{white-space:nowrap;cursor:pointer}
    #scale{display:flex;flex-wrap:wrap;gap:1px;margin:.5rem 0 1rem}
    #scale i+span{margin-left:.5rem}
    #scale i{padding:.1rem .45rem;color:var(--fg);font-variant-numeric:tabular-nums}
    i{font-style:normal}
    #text{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.75}
    #text i{cursor:pointer;padding:.12em 0}
    section{unicode-bidi:plaintext;border-top:1px solid var(--rule);padding:.5rem 0}
    section::before{content:"document " attr(data-d);display:block;font-size:.75rem;color:var(--dim)}
    i.c{color:var(--dim);font-size:.85em}i.n::before{content:"↵";color:var(--dim)}
    i.u{text-decoration:underline dotted var(--dim)}
    i.on{outline:2px solid var(--fg);outline-offset:-1px;border-radius:2px}
    \((1...9).map { "i.a\($0){background:rgb(var(--heat)/\(alpha($0)))}" }.joined())
    #detail{position:fixed;left:0;right:0;bottom:0;max-height:10rem;overflow:auto;padding:.6rem 1rem;
    background:var(--panel);border-top:1px solid var(--rule);font-size:.9rem}
    #detail p{margin:0 auto;max-width:56rem;color:var(--dim)}
    #detail div{margin:0 auto;max-width:56rem;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;
    font-variant-numeric:tabular-nums}
    #detail b{font-weight:600;white-space:pre-wrap;overflow-wrap:anywhere}#detail span::before{content:attr(title) " ";
    color:var(--dim)}
    """

  private static func alpha(_ shade: Int) -> String { ".\(7 * shade < 10 ? "0" : "")\(7 * shade)" }

  static let script = """
    "use strict";
    const data=JSON.parse(document.getElementById("data").textContent);
    const text=document.getElementById("text"),detail=document.getElementById("detail");
    const cells=[];
    for(const section of text.children){
      let position=1;
      for(const cell of section.children){
        const before=cells[cells.length-1];
        Object.assign(cell,{at:cells.length,first:before?before.first+before.count:0,count:+(cell.dataset.n||1),
          position,document:section.dataset.d,
          kind:["c","n"].filter(name=>cell.classList.contains(name)).join(" ")});
        position+=cell.count;
        cells.push(cell);
      }
    }
    const sum=list=>list.reduce((a,b)=>a+b,0);
    const slice=(cell,list)=>{
      const part=list.slice(cell.first,cell.first+cell.count);
      return part.includes(null)?null:part;
    };
    const modes={
      surprise:{unit:"nats",edges:[\(shades)],of:cell=>{const p=slice(cell,data.ln);return p&&-sum(p)}},
      probability:{unit:"",edges:[.9,.75,.5,.25,.1,.03,.01,.001,.0001],isFalling:true,
        of:cell=>{const p=slice(cell,data.ln);return p&&Math.exp(sum(p))}},
      rank:{unit:"",edges:[2,3,5,9,17,65,257,1025,4097],of:cell=>{const p=slice(cell,data.rank);return p&&Math.max(...p)}},
      entropy:{unit:"nats",edges:[\(shades)],of:cell=>{const p=slice(cell,data.entropy);return p&&sum(p)}}
    };
    const shade=(mode,value)=>mode.edges.filter(edge=>mode.isFalling?value<edge:value>=edge).length;
    const paint=name=>{
      const mode=modes[name];
      for(const cell of cells){
        const value=mode.of(cell),isOn=cell.classList.contains("on");
        cell.className=[value===null?"u":"a"+shade(mode,value),cell.kind,isOn?"on":""].join(" ").trim();
      }
      const scale=document.getElementById("scale");
      scale.replaceChildren(...[...Array(10).keys()].map(level=>{
        const mark=document.createElement("i");
        mark.className="a"+level;
        const edge=mode.edges[level?level-1:0];
        mark.textContent=(level?mode.isFalling?"< ":"≥ ":mode.isFalling?"≥ ":"< ")+edge;
        return mark;
      }));
      const unit=document.createElement("span");
      unit.textContent=mode.unit;
      scale.append(unit);
    };
    const field=(name,value)=>{
      const span=document.createElement("span");
      span.title=name;
      span.textContent=value;
      return span;
    };
    const probability=ln=>{const p=Math.exp(ln);return p>=.001||p===0?p.toFixed(4):p.toExponential(2)};
    const line=(cell,index)=>{
      const row=document.createElement("div"),piece=document.createElement("b"),k=cell.first+index;
      piece.textContent=data.piece[data.id[k]];
      row.append(piece,field("id",data.id[k]));
      if(data.ln[k]===null)row.append(field("","not scored"));
      else row.append(field("ln p",data.ln[k].toFixed(3)),field("p",probability(data.ln[k])),field("rank",data.rank[k]),
        field("entropy",data.entropy[k].toFixed(3)));
      row.append(field("document",cell.document),field("position",cell.position+index));
      return row;
    };
    let chosen=null;
    const show=cell=>{
      if(chosen)chosen.classList.remove("on");
      chosen=cell;
      cell.classList.add("on");
      detail.replaceChildren(...[...Array(cell.count).keys()].map(index=>line(cell,index)));
    };
    for(const kind of ["pointerover","click"])text.addEventListener(kind,event=>{
      const cell=event.target.closest("i");
      if(cell)show(cell);
    });
    document.addEventListener("keydown",event=>{
      const step={ArrowLeft:-1,ArrowRight:1}[event.key],next=chosen&&step&&cells[chosen.at+step];
      if(!next||event.target.closest("input"))return;
      event.preventDefault();
      show(next);
      next.scrollIntoView({block:"nearest"});
    });
    document.getElementById("modes").addEventListener("change",event=>paint(event.target.value));
    paint(document.querySelector("#modes input:checked").value);
    """

  private static let shades = PageText.shades.map { "\($0)" }.joined(separator: ",")
}
