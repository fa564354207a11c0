# Files of at most 800 lines of at most 100 columns, functions of at most 70 (120 in kernels/). Relies on the layout clang-format makes: a function
# begins in column 0 with a name and a parenthesis, its last heading line ends in {, and its } stands in column 0.
function report(what, length_, limit) {
    if (length_ > limit) {
        printf "%s: %s has length %d, the limit is %d\n", file, what, length_, limit
        failed = 1
    }
}

FNR == 1 {
    if (file) report("the file", lines, 800)
    file = FILENAME
    start = open = 0
    limit = file ~ /(^|\/)kernels\// ? 120 : 70
}
{ lines = FNR }
length > 100 { report("line " FNR, length, 100) }

!open && /^[A-Za-z_].*\(/ { start = FNR; name = $0; sub(/\(.*/, "()", name) }
!open && start && /(;|\}|= *\{)$/ { start = 0 }
!open && start && /\{$/ { open = 1 }
open && /^}/ {
    report(name " in line " start, FNR - start + 1, limit)
    start = open = 0
}

END {
    report("the file", lines, 800)
    exit failed
}
