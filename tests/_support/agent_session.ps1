# A PowerShell in which agents live one after the other, on a clock that moves by what an agent sleeps, in a small part of
# that time. One agent a line on standard input; "ended <code>" on standard error when it has ended.
$fast = @{ Haste = 1; Folder = ''; Begun = 0; Slept = 0.0 }
function Wait-Fast {
    param([double] $Seconds, [hashtable] $Watch)
    [void]$Watch.Told.WaitOne([int][Math]::Max(1, $Seconds * 1000 / $fast.Haste))
    Assert-Untold $Watch
    # Less than this would not move a sum of this size, and the wait would have no end.
    $fast.Slept += [Math]::Max(0.001, $Seconds)
    [IO.File]::WriteAllText("$($fast.Folder)/slept", "$($fast.Slept)")
}
function Get-FastSeconds { return $fast.Slept }
function Get-FastWallSeconds {
    $ahead = 0.0
    foreach ($jump in [IO.File]::ReadAllLines("$($fast.Folder)/jumps")) {
        $from, $more = $jump.Split(' ')
        if ($fast.Slept -ge [double]$from) { $ahead = [double]$more }
    }
    return $fast.Begun + $fast.Slept + $ahead
}
# An alias comes before a function of the same name.
Set-Alias Wait-Seconds Wait-Fast
Set-Alias Get-Seconds Get-FastSeconds
Set-Alias Get-WallSeconds Get-FastWallSeconds
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $life = ConvertFrom-Json $line
    $env:HOME = $life.home
    foreach ($variable in $life.variables.PSObject.Properties) { [Environment]::SetEnvironmentVariable($variable.Name, $variable.Value) }
    $fast.Haste, $fast.Folder, $fast.Begun, $fast.Slept = $life.haste, $life.folder, $life.begun, 0.0
    $global:LASTEXITCODE = 0
    $with = @($life.args)
    & $life.program @with
    foreach ($variable in $life.variables.PSObject.Properties) { [Environment]::SetEnvironmentVariable($variable.Name, [NullString]::Value) }
    [Console]::Error.WriteLine("ended $LASTEXITCODE")
}
