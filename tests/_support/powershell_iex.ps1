# Runs the text of the second file in the first folder, as "irm | iex" runs what it has fetched, with the options behind it.
$with = @($args | Select-Object -Skip 2)
Push-Location -LiteralPath $args[0]
try { & ([scriptblock]::Create([IO.File]::ReadAllText($args[1]))) @with }
finally { Pop-Location }
