#!/usr/bin/env bash
# Runs the sections of the lecture, two at a time, and joins what they write into build/lecture/index.html, one page in
# the lecture's order: run.sh FOLDER-OF-PROGRAMS [keep]. With `keep` the page stays in docs/ as well, as Markdown.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/../.."
export LC_ALL=C programs=$1 pages=build/lecture
keep=${2:-}

names() { for source in examples/lecture/[0-9]*.c; do basename "$source" .c; done | sort -V; }

run_one() {   # run_one NAME: a line on the terminal, the rest beside the pages
    local start=$SECONDS status=0
    LECTURE=$pages "$programs/$1" >"$pages/$1.txt" 2>&1 || status=$?
    if ((status == 0)); then
        printf '%-28s ok      %4d s\n' "$1" $((SECONDS - start))
    else
        printf '%-28s FAILED  %4d s, exit status %d\n' "$1" $((SECONDS - start)) "$status"
        echo "$1" >>"$pages/failed"
    fi
}
export -f run_one

contents() {
    local name title
    for name; do
        title=$(sed -n 's|^<h2>\(.*\)</h2>$|\1|p' "$pages/$name.html")
        echo "<li><a href=\"#$name\">$title</a></li>"
    done
}

join_html() {   # join_html NAME…
    cat <<'HTML'
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Deep learning and neural networks, computed</title>
<style>
:root { color-scheme: light dark; --quiet: #666; --line: #ddd; --code: #f4f4f4; --ok: #00664a; --not: #b00020; }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --line: #444; --code: #262626; --ok: #5ecfa5; --not: #ff8a80; } }
body { max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 17px/1.5 Georgia, serif; }
h1, h2, nav { font-family: system-ui, sans-serif; }
h2 { margin-top: 3.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
nav ul { list-style: none; padding: 0; columns: 2; }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line); color: var(--quiet); font-style: italic; }
pre { background: var(--code); padding: .6rem .8rem; overflow-x: auto; font-size: 14px; white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
ul.numbers, ul.checks { list-style: none; padding-left: 0; }
ul.checks li::before { content: "✓ "; color: var(--ok); font-weight: bold; }
ul.checks li.not::before { content: "✗ not: "; color: var(--not); }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; image-rendering: auto; }
figcaption, p.source { font-size: 15px; color: var(--quiet); }
</style>
</head>
<body>
<h1>Deep learning and neural networks, computed</h1>
<p>Üzeyir Saçıkay and Bengier Ülgen Kılıç's lecture claims; each section below is a short program that computes what it
claims, shows the numbers, and fails when they do not bear it out.</p>
HTML
    echo "<nav><ul>" && contents "$@" && echo "</ul></nav>"
    local name
    for name; do cat "$pages/$name.html"; done
    echo "</body></html>"
}

join_md() {   # join_md NAME…
    cat <<'MD'
# Deep learning and neural networks, computed

Üzeyir Saçıkay and Bengier Ülgen Kılıç's lecture claims; each section below is a short program that computes what it claims, shows the numbers, and fails when
they do not bear it out. Written by `./dev lecture keep`.

MD
    local name
    for name; do cat "$pages/$name.md" && echo; done
}

slim() {   # gnuplot's SVG without the groups that hold nothing, which is half of it
    awk '/^<g [^>]*>$/ { if (held) print held; held = $0; next }
         held && /^<\/g>$/ { held = ""; next }
         { if (held) print held; held = ""; print }' "$1"
}

keep_pages() {   # keep_pages NAME…: the pictures that the pages show, and no others
    local picture
    rm -rf docs/lecture && mkdir -p docs/lecture
    join_md "$@" | cat -s >docs/lecture.md
    sed -n 's|^!\[.*\](lecture/\(.*\))$|\1|p' docs/lecture.md | while read -r picture; do
        if [[ $picture == *.svg ]]; then slim "$pages/$picture" >"docs/lecture/$picture"; else cp "$pages/$picture" docs/lecture/; fi
    done
    du -sh docs/lecture
}

main() {
    local all
    mapfile -t all < <(names)
    rm -rf "$pages" && mkdir -p "$pages"
    printf '%s\n' "${all[@]}" | xargs -P 2 -I{} bash -c 'run_one "$1"' _ {}
    if [[ -e $pages/failed ]]; then
        local name
        for name in $(sort -V "$pages/failed"); do printf '\n== %s\n' "$name" && tail -n 40 "$pages/$name.txt"; done
        printf '\nFAILED:%s\n' "$(sort -V "$pages/failed" | xargs printf ' %s')" && exit 1
    fi
    join_html "${all[@]}" >"$pages/index.html"
    if [[ $keep == keep ]]; then keep_pages "${all[@]}"; fi
    echo "all ${#all[@]} sections hold: $pages/index.html"
}

main
