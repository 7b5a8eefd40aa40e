break square if n == 3
run
generate-core-file CORE
kill
