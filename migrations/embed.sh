#!/bin/bash
# Prints the migrations of its arguments (NNNN_name.sql, in ascending order) as one table of C strings.
set -euo pipefail
echo '#include "server/store/migrate.h"'
echo
echo 'const struct migration migrations[] = {'
for file in "$@"; do
    name=$(basename "$file" .sql)
    [[ $name =~ ^[0-9]{4}_ ]] || { echo "$file: the name must be NNNN_name.sql" >&2 && exit 1; }
    echo "    {$((10#${name%%_*})), \"$name\","
    sed -e 's/[\\"]/\\&/g' -e 's/^/     "/' -e 's/$/\\n"/' "$file"
    echo '    },'
done
echo '};'
echo 'const size_t migrations_count = sizeof migrations / sizeof migrations[0];'
