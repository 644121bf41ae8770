# Prints where PowerShell's own parser cannot read the files that are named: "<path>:<line>:<column>: <message>".
foreach ($path in $args) {
    $tokens = $null
    $faults = $null
    [void][Management.Automation.Language.Parser]::ParseFile($path, [ref] $tokens, [ref] $faults)
    foreach ($fault in $faults) { "${path}:$($fault.Extent.StartLineNumber):$($fault.Extent.StartColumnNumber): $($fault.Message)" }
}
