#!/bin/sh
# Prints C that holds the given files, in order, as schema_files[] of ctl/schema.h.
set -eu

symbol() {
    printf 'schema_%s' "$(basename "$1" .sql | tr -c 'A-Za-z0-9\n' _)"
}

printf '%s\n' '/* Made by tools/embed_schema.sh. */' '#include "schema.h"'
for file; do
    id=$(symbol "$file")
    printf '%s\n' \
        "__asm__(\".pushsection .rodata\\n$id: .incbin \\\"$file\\\"\\n${id}_end: .byte 0\\n.popsection\");" \
        "extern const char $id[];" \
        "extern const char ${id}_end[];"
done
printf 'const struct schema_file schema_files[] = {\n'
for file; do
    id=$(symbol "$file")
    printf '    {"%s", %s, %s_end},\n' "$(basename "$file")" "$id" "$id"
done
printf '};\nconst size_t schema_files_n = ARRAY_SIZE(schema_files);\n'
