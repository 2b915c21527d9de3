#!/bin/bash
# Every folder has its design note, and links between the notes lead somewhere.
. "$(dirname "$0")/lib.sh"

for folder in . analysis costmodel hwspace jobs sched search slurm tests; do
    [ -f "$folder/README.md" ] || complain "$folder has no README.md"
done
for file in LICENSE NOTICE CHANGELOG.md; do
    [ -f "$file" ] || complain "$file is missing"
done

while IFS= read -r file; do
    while IFS= read -r link; do
        case $link in http:* | https:* | mailto:* | '#'*) continue ;; esac
        [ -e "$(dirname "$file")/${link%%#*}" ] || complain "$file: link to $link leads nowhere"
    done < <(grep -oE '\]\([^) ]+\)' "$file" | sed 's/^](//; s/)$//')
done < <(project_files '*.md')
finish
