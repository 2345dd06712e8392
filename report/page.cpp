#include "report/page.hpp"

#include <fmt/format.h>

namespace steelyard {
namespace {

const char* const kStyle = R"css(
:root{--ink:#1c2430;--soft:#5c6675;--line:#dfe3e8;--ref:#c0392b;--est:#20639b;--truth:#16834a;--pop:#16834a;--smp:#c0392b}
*{box-sizing:border-box}body{margin:0;color:var(--ink);font:15px/1.5 system-ui,"Noto Sans CJK SC","Noto Sans SC","WenQuanYi Zen Hei",sans-serif;background:#fff}
main{max-width:1240px;margin:0 auto;padding:24px}h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:40px 0 8px;border-bottom:2px solid var(--line);padding-bottom:4px}
h3{font-size:16px;margin:24px 0 4px}p,li{max-width:78ch}.soft{color:var(--soft)}nav a{margin-right:14px}a{color:var(--est)}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}th,td{padding:3px 8px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{position:sticky;top:0;background:#f5f7f9;cursor:pointer}td.n,th.n{text-align:right}td.n{white-space:nowrap}.wide{overflow-x:auto}td .soft{overflow-wrap:anywhere}tr.ref td{background:#fdf3f2}#estimators td,#paired td{white-space:nowrap}.scroll{max-height:640px;overflow:auto;border:1px solid var(--line)}
input{width:100%;max-width:520px;padding:6px 9px;margin:6px 0;font:inherit;border:1px solid #b8c0ca;border-radius:4px}
.chart{width:100%;max-width:1000px;height:auto;display:block}.chart text{font-size:12px;fill:var(--ink)}.row{text-anchor:end}.tick{text-anchor:middle;fill:var(--soft)!important}.grid{stroke:#edf0f3}
.truth{stroke:var(--truth);stroke-width:2}.truthtext{text-anchor:middle;fill:var(--truth)!important;font-weight:600}line.est{stroke:var(--est);stroke-width:2}circle.est{fill:var(--est)}
line.ref{stroke:var(--ref);stroke-width:2}circle.ref{fill:var(--ref)}text.ref{fill:var(--ref)!important;font-weight:600}.link{stroke:#b8c0ca;stroke-width:2}.pop{fill:var(--pop)}.smp{fill:var(--smp)}.wtd{fill:none;stroke:var(--est);stroke-width:2}
.key span{margin-right:18px}.key b{font-size:17px}.warn{color:var(--ref);font-weight:600}pre{background:#f5f7f9;padding:12px;overflow:auto;font-size:12px}
@media screen and (max-width:760px){main{padding:12px}h1{font-size:22px}.chart{width:880px;max-width:none}table{display:block;overflow-x:auto}}
@media print{.scroll{max-height:none;overflow:visible}input{display:none}nav{display:none}}
)css";

/// Filters the rows of a table by the text of the field above it, and sorts by a clicked heading.
const char* const kScript = R"js(
document.querySelectorAll('input[data-for]').forEach(function(box){
  var rows=document.querySelectorAll('#'+box.dataset.for+' tbody tr'),count=document.getElementById(box.dataset.for+'-count');
  box.addEventListener('input',function(){
    var words=box.value.toLowerCase().split(/\s+/).filter(Boolean),shown=0;
    rows.forEach(function(row){var text=row.textContent.toLowerCase(),ok=words.every(function(w){return text.indexOf(w)>=0});row.hidden=!ok;if(ok)shown++});
    if(count)count.textContent=shown+' / '+rows.length;
  });
});
document.querySelectorAll('table.sortable th').forEach(function(head){
  head.addEventListener('click',function(){
    var body=head.closest('table').tBodies[0],k=head.cellIndex,up=head.dataset.up!=='1',rows=Array.from(body.rows);
    head.dataset.up=up?'1':'0';
    var key=function(row){var cell=row.cells[k];return cell.dataset.v!==undefined?parseFloat(cell.dataset.v):cell.textContent};
    rows.sort(function(a,b){var x=key(a),y=key(b);if(typeof x==='number'){if(isNaN(x))return 1;if(isNaN(y))return -1;return up?x-y:y-x}return up?x.localeCompare(y):y.localeCompare(x)});
    rows.forEach(function(row){body.appendChild(row)});
  });
});
)js";

}  // namespace

std::string page_start(const std::string& title, Language language) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{} · "
      "Steelyard</title><style>{}</style></head><body><main><h1>{}</h1>",
      language == Language::zh ? "zh" : "en", title, kStyle, title);
}

std::string page_end() {
  return fmt::format("</main><script>{}</script></body></html>\n", kScript);
}

}  // namespace steelyard
