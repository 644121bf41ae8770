# A PowerShell that stays, as a user's does: it runs one installer after the other, each in an environment of its own,
# and reports how it ended. One job a line on standard input, one answer a line on standard output. PSModulePath is
# PowerShell's own: it is set whenever a module is looked for.
# An argument is a script that comes before all of them, as a user's profile does.
if ($args) { . $args[0] }
$answers = [Console]::Out
$errors = [Console]::Error
while ($null -ne ($line = [Console]::In.ReadLine())) {
    # Names that differ in case only, as those of proxies do, have no place in an object.
    $job = ConvertFrom-Json $line -AsHashtable
    foreach ($name in @([Environment]::GetEnvironmentVariables().Keys) -ne 'PSModulePath') { [Environment]::SetEnvironmentVariable($name, [NullString]::Value) }
    foreach ($name in @($job.env.Keys)) { [Environment]::SetEnvironmentVariable($name, $job.env[$name]) }
    $stdout = New-Object IO.StringWriter
    $stderr = New-Object IO.StringWriter
    [Console]::SetOut($stdout)
    [Console]::SetError($stderr)
    $global:LASTEXITCODE = 0
    $with = @($job.args)
    # What the installer lets slip into the pipeline, or throws, is shown like what it prints.
    try { & $job.file @with 2>&1 | ForEach-Object { $stdout.WriteLine("$_") } }
    catch { $stderr.WriteLine("thrown at the user: $_ $($_.ScriptStackTrace)"); $global:LASTEXITCODE = 1 }
    [Console]::SetOut($answers)
    [Console]::SetError($errors)
    $left = [Environment]::GetEnvironmentVariables()
    $left.Remove('PSModulePath')
    $answer = @{ code = $LASTEXITCODE; stdout = "$stdout"; stderr = "$stderr"; env = $left; folder = "$PWD" }
    $answers.WriteLine((ConvertTo-Json $answer -Compress))
}
