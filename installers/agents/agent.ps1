#!/usr/bin/env pwsh
# Written by openclaw. The agent of a host that has PowerShell: it shakes hands, beats, says goodbye.
#
# The installer holds this file, and is made of these functions, too.
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $false
$Version = '0.1.0'
# What the program, and the folder of the credentials, are called.
$NameOnHost = 'openclaw-agent'
# What no process that is started from here gets. The other variables are its own.
$SecretNames = 'OPENCLAW_AGENT_SECRET', 'OPENCLAW_AGENT_SECRET_FILE', 'OPENCLAW_OPERATOR_KEY', 'OPENCLAW_OPERATOR_KEY_FILE',
    'OPENCLAW_ENROLLMENT_CODE', 'OPENCLAW_ENROLLMENT_CODE_FILE', 'AGENT_JWT_KEYS', 'DATABASE_URL', 'SUPABASE_SECRET_KEYS',
    'OPENCLAW_SMTP_URL', 'OPENCLAW_HEARTBEAT_URL', 'OPENCLAW_MAIL_KEY'
$UserAgent = "openclaw/$Version (powershell)"
# A log file, in place of the terminal.
$AgentLog = @{ Writer = $null }
# How long a page that is watched may take.
$PageSeconds = 5

# Whatever of it is from elsewhere. What cannot be said, to a terminal that has gone, ends nothing.
function Say {
    param([string] $Words)
    $Words = Get-Shown $Words
    try {
        if ($null -eq $AgentLog.Writer) { [Console]::Error.WriteLine($Words) }
        # A log file has no clock of its own beside it.
        else { $AgentLog.Writer.WriteLine("$([datetime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture)) $Words") }
    }
    catch [IO.IOException] { return }
}

# The words without what a terminal would act on: C0, DEL, C1, and what turns the direction of writing.
function Get-Shown {
    param([string] $Words)
    return $Words -replace '[\x00-\x1f\x7f]', '' -replace '[\x80-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]', '?'
}

# The innermost reason, as a part of one of our sentences.
function Get-Cause {
    param($Exception)
    while ($null -ne $Exception.InnerException) { $Exception = $Exception.InnerException }
    return (Get-Shown $Exception.Message).TrimEnd('.')
}

function Die {
    param([int] $Code, [string] $What, [string] $Hint)
    Say "error: $What"
    if ($Hint) { Say "hint: $Hint" }
    throw "openclaw ends with $Code"
}

# "openclaw" is other programs'.
function Test-Name {
    param([string] $Word)
    return $Word -cmatch '\A[a-z][a-z0-9-]{0,30}\z' -and $Word -cne 'openclaw'
}

# That word: what is given, else OPENCLAW_NAME, else the name of an installed file, else ours.
function Select-Name {
    param([string] $Given, [string] $File)
    $word = $Given
    if (-not $word) { $word = "$env:OPENCLAW_NAME" }
    if ($word -and -not (Test-Name $word)) {
        Die 2 "Cannot use the name `"$(Get-Shown $word)`": a letter and at most 30 of a-z, 0-9 and - are expected, and not `"openclaw`"" '--name fleet-agent'
    }
    if ($word) { return $word }
    # A file that is elsewhere may be called anything.
    $parts = @($File -split '[/\\]')
    $own = $parts[-1] -replace '\.ps1\z', ''
    $isInstalled = $File -match '/(usr/local|\.local)/bin/[^/]+\z' -or ($env:OS -eq 'Windows_NT' -and $parts.Count -gt 1 -and $parts[-2] -ceq $own)
    if ($isInstalled -and (Test-Name $own)) { return $own }
    return 'openclaw-agent'
}

# Windows PowerShell knows only old versions of TLS by itself.
function Enable-Tls {
    $protocols = [Net.ServicePointManager]::SecurityProtocol
    if ($protocols -ne 0) { [Net.ServicePointManager]::SecurityProtocol = $protocols -bor 3072 }
    [Net.ServicePointManager]::Expect100Continue = $false
}

# What a signal sets, so that all that waits ends at once. It is one that nobody sets, until Start-Watch has it set.
function New-Watch {
    $told = New-Object Threading.ManualResetEvent $false
    return @{ Told = $told; HungUp = $told; HadTerminal = $false; Reload = $false; Registrations = @() }
}

# SIGINT and SIGTERM tell to stop. So does SIGHUP, unless it has something read again. Windows PowerShell 5.1 has no
# such signals: there nothing is ever set, and Ctrl-C ends what waits in short steps.
function Start-Watch {
    param([switch] $ReadsAgain)
    $watch = New-Watch
    if ($ReadsAgain) {
        $watch.HungUp = New-Object Threading.ManualResetEvent $false
        $watch.HadTerminal = -not ([Console]::IsInputRedirected -and [Console]::IsErrorRedirected)
    }
    $registration = 'System.Runtime.InteropServices.PosixSignalRegistration' -as [type]
    if ($null -eq $registration) { return $watch }
    $stop = New-SignalHandler $watch.Told
    $hangUp = New-SignalHandler $watch.HungUp
    $watch.Registrations = @($registration::Create('SIGINT', $stop), $registration::Create('SIGTERM', $stop), $registration::Create('SIGHUP', $hangUp))
    return $watch
}

# Compiled: a script block has no runspace in the thread that brings a signal.
function New-SignalHandler {
    param([Threading.EventWaitHandle] $Event)
    $type = 'System.Runtime.InteropServices.PosixSignalContext' -as [type]
    $context = [Linq.Expressions.Expression]::Parameter($type, 'context')
    $cancel = [Linq.Expressions.Expression]::Property($context, 'Cancel')
    $steps = [Linq.Expressions.Expression[]]@(
        [Linq.Expressions.Expression]::Assign($cancel, [Linq.Expressions.Expression]::Constant($true)),
        [Linq.Expressions.Expression]::Call([Linq.Expressions.Expression]::Constant($Event), [Threading.EventWaitHandle].GetMethod('Set')),
        [Linq.Expressions.Expression]::Empty())
    $parameters = [Linq.Expressions.ParameterExpression[]]@($context)
    $action = [Action`1].MakeGenericType($type)
    return [Linq.Expressions.Expression]::Lambda($action, [Linq.Expressions.Expression]::Block($steps), $parameters).Compile()
}

function Stop-Watch {
    param([hashtable] $Watch)
    foreach ($registration in $Watch.Registrations) { $registration.Dispose() }
}

function Assert-Untold {
    param([hashtable] $Watch)
    if (-not $Watch.Told.WaitOne(0) -and $Watch.HungUp.WaitOne(0)) {
        [void]$Watch.HungUp.Reset()
        # The terminal that this was started from is gone; else the credentials are to be read again.
        if ($Watch.HadTerminal -and -not (Test-Terminal)) { [void]$Watch.Told.Set() }
        else { $Watch.Reload = $true }
    }
    if ($Watch.Told.WaitOne(0)) { throw 'openclaw was told to stop' }
}

# .NET remembers what it has found at the start.
function Test-Terminal {
    test -t 0
    if ($LASTEXITCODE -eq 0) { return $true }
    test -t 2
    return $LASTEXITCODE -eq 0
}

# The result of the task, which has so many seconds on the clock. In short steps, since Ctrl-C ends no call of .NET.
function Wait-Task {
    param($Task, $Clock, [double] $Seconds, [hashtable] $Watch)
    $handles = [Threading.WaitHandle[]]@($Watch.Told, ([IAsyncResult]$Task).AsyncWaitHandle)
    while (-not $Task.IsCompleted) {
        Assert-Untold $Watch
        $left = $Seconds * 1000 - $Clock.Elapsed.TotalMilliseconds
        if ($left -le 0) { throw 'timed out' }
        [void][Threading.WaitHandle]::WaitAny($handles, [int][Math]::Min(200, [Math]::Ceiling($left)))
    }
    Assert-Untold $Watch
    return $Task.GetAwaiter().GetResult()
}

function Wait-Seconds {
    param([double] $Seconds, [hashtable] $Watch)
    $milliseconds = [int][Math]::Max(1, $Seconds * 1000)
    if ($Watch.Registrations.Count -eq 0) {
        Start-Sleep -Milliseconds $milliseconds
        return
    }
    [void][Threading.WaitHandle]::WaitAny([Threading.WaitHandle[]]@($Watch.Told, $Watch.HungUp), $milliseconds)
    Assert-Untold $Watch
}

# Seconds of a clock that nobody sets.
function Get-Seconds {
    return [Diagnostics.Stopwatch]::GetTimestamp() / [double][Diagnostics.Stopwatch]::Frequency
}

# Seconds of the wall clock.
function Get-WallSeconds {
    return ([datetime]::UtcNow - [datetime]::MinValue).TotalSeconds
}

function Get-Platform {
    $kernel = 'Windows_NT'
    $machine = $env:PROCESSOR_ARCHITECTURE
    if ($env:PROCESSOR_ARCHITEW6432) { $machine = $env:PROCESSOR_ARCHITEW6432 }
    if ($env:OS -ne 'Windows_NT') { $kernel, $machine = "$(uname -sm)".Split([char[]]' ', 2) }
    $systems = @{ 'Windows_NT' = 'windows'; 'Linux' = 'linux'; 'Darwin' = 'darwin' }
    $machines = @{ 'amd64' = 'x86_64'; 'x86_64' = 'x86_64'; 'arm64' = 'aarch64'; 'aarch64' = 'aarch64' }
    foreach ($name in 'armv6l', 'armv7l', 'i686', 'i386', 'riscv64', 'ppc64le', 's390x') { $machines[$name] = $name }
    return @{ Os = $systems["$kernel"]; Arch = $machines["$machine".ToLowerInvariant()]; Name = "$kernel $machine" }
}

function Get-State {
    if ($env:OS -eq 'Windows_NT') { return [IO.Path]::Combine($env:APPDATA, $NameOnHost) }
    if ((uname -s) -eq 'Darwin') { return "$env:HOME/Library/Application Support/$NameOnHost" }
    if ("$env:XDG_CONFIG_HOME".StartsWith('/')) { return "$env:XDG_CONFIG_HOME/$NameOnHost" }
    return "$env:HOME/.config/$NameOnHost"
}

# The JSON object in the text, or nothing. Ours are a few hundred bytes; what is larger is not.
function Read-Object {
    param([string] $Text)
    $Text = $Text.TrimStart([char]0xFEFF)
    if ($Text.Length -gt 16384 -or $Text.TrimStart() -notlike '{*') { return $null }
    try { $value = ConvertFrom-Json $Text } catch { return $null }
    if ($value -is [Management.Automation.PSCustomObject]) { return $value }
    return $null
}

function Get-Field {
    param($Fields, [string] $Name)
    if ($null -eq $Fields) { return $null }
    $property = $Fields.PSObject.Properties[$Name]
    if ($null -eq $property) { return $null }
    return $property.Value
}

function Get-Text {
    param($Fields, [string] $Name)
    $value = Get-Field $Fields $Name
    # PowerShell 7 makes a date of what looks like one.
    if ($value -is [datetime]) { return $value.ToUniversalTime().ToString('o', [Globalization.CultureInfo]::InvariantCulture) }
    if ($value -is [string]) { return $value }
    return $null
}

# The whole part of a number, which is brought between the least and a day. -1 if it is not a number.
function Get-Number {
    param($Fields, [string] $Name, [int] $Least = 0)
    $value = Get-Field $Fields $Name
    $isNumber = $value -is [int] -or $value -is [long] -or $value -is [double] -or $value -is [decimal] -or $value -is [bigint]
    if (-not $isNumber -or [double]::IsNaN([double]$value)) { return -1 }
    return [int][Math]::Max([double]$Least, [Math]::Min([double]86400, [Math]::Floor([double]$value)))
}

# The url, agent_id and agent_secret in the file, or nothing.
function Read-Credentials {
    param([string] $Path)
    # Another user may have put a pipe or a device there, which would have no end.
    if ($env:OS -ne 'Windows_NT') {
        test -f $Path
        if ($LASTEXITCODE -ne 0) { return $null }
    }
    try {
        if ((New-Object IO.FileInfo $Path).Length -gt 16384) { return $null }
        $fields = Read-Object ([IO.File]::ReadAllText($Path))
    }
    catch [IO.IOException], [UnauthorizedAccessException] { return $null }
    $found = @{ Url = Get-Text $fields 'url'; Id = Get-Text $fields 'agent_id'; Secret = Get-Text $fields 'agent_secret' }
    # All that RFC 3986 lets stand in a URL.
    if ("$($found.Url)" -cnotmatch '\Ahttps?://[\]A-Za-z0-9:/._~%!$&''()*+,;=\[-]+\z') { return $null }
    if ("$($found.Id)" -cnotmatch '\A[0-9a-f-]+\z' -or "$($found.Secret)" -cnotmatch '\A[A-Za-z0-9_-]+\z') { return $null }
    return $found
}

function New-Agent {
    param([hashtable] $Credentials, [hashtable] $Watch)
    $platform = Get-Platform
    $hostName = [Net.Dns]::GetHostName() -replace '[^A-Za-z0-9._-]', '-'
    # What describes the host is never a reason to be refused, and an empty text would be.
    $words = @{ Name = $hostName; Os = "$($platform.Os)"; Arch = "$($platform.Arch)" }
    foreach ($key in @($words.Keys)) { if (-not $words[$key]) { $words[$key] = 'unknown' } }
    return @{
        Url = $Credentials.Url; Id = $Credentials.Id; Secret = $Credentials.Secret
        Instance = [guid]::NewGuid().ToString(); Seq = 0; Token = ''; Interval = 60; RefreshIn = 0; BeatIn = 0; Name = ''
        Client = @{ version = $Version; hostname = $words.Name.Substring(0, [Math]::Min(255, $words.Name.Length)); os = $words.Os; arch = $words.Arch }
        Status = 0; Fields = $null; Failure = ''; IsTls = $false; RetryAfter = -1; Address = $null; Watch = $Watch
        Watched = @{ Gateway = 0; Page = '' }; IsQuiet = $false
    }
}

# Plain http is for this host only. What is on this host needs no proxy, which would read the secret.
function Set-Proxy {
    param($Request)
    $target = $Request.RequestUri
    if ($target.IsLoopback -or $target.Scheme -eq 'http') {
        $Request.Proxy = $null
        return
    }
    # PowerShell 7 reads the environment by itself, 5.1 reads what Windows is set to.
    $address = "$env:HTTPS_PROXY"
    if ($PSVersionTable['PSEdition'] -eq 'Core' -or -not $address) { return }
    foreach ($entry in "$env:NO_PROXY".Split(',')) {
        $name = $entry.Trim().TrimStart('*').TrimStart('.')
        $isWithin = $name -and ".$($target.Host)".EndsWith(".$name", [StringComparison]::OrdinalIgnoreCase)
        if ($isWithin -or $entry.Trim() -eq '*') {
            $Request.Proxy = $null
            return
        }
    }
    if ($address -notlike '*://*') { $address = "http://$address" }
    $proxy = New-Object Net.WebProxy $address
    $words = @($proxy.Address.UserInfo.Split([char[]]':', 2) | ForEach-Object { [Uri]::UnescapeDataString($_) }) + ''
    if ($words[0]) { $proxy.Credentials = New-Object Net.NetworkCredential $words[0], $words[1] }
    $Request.Proxy = $proxy
}

function New-Request {
    param([string] $Url, [int] $For)
    $request = [Net.HttpWebRequest][Net.WebRequest]::Create($Url)
    $request.AllowAutoRedirect = $false
    $request.KeepAlive = $false
    $request.Timeout = $For * 1000
    $request.ReadWriteTimeout = $For * 1000
    $request.UserAgent = $UserAgent
    Set-Proxy $request
    return $request
}

# A request to the service; where its name has several addresses, to the one that answers.
function New-ServiceRequest {
    param([hashtable] $Agent, [string] $Path, $Clock, [int] $Seconds)
    $target = New-Object Uri "$($Agent.Url)/functions/v1/$Path"
    $request = New-Request $target.AbsoluteUri $Seconds
    # Windows PowerShell would compare the certificate with the address.
    if ($PSVersionTable['PSEdition'] -ne 'Core' -or $target.HostNameType -ne 'Dns') { return $request }
    if ($null -ne $request.Proxy -and -not $request.Proxy.IsBypassed($target)) { return $request }
    if ($null -eq $Agent.Address) { $Agent.Address = Find-Address $target $Clock $Seconds $Agent.Watch }
    if ('' -ceq "$($Agent.Address)") { return $request }
    $direct = New-Object UriBuilder $target
    $direct.Host = "$($Agent.Address)"
    $request = New-Request $direct.Uri.AbsoluteUri $Seconds
    $request.Proxy = $null
    $request.Host = $target.Authority
    return $request
}

function Start-Lookup {
    param([string] $Name)
    return [Net.Dns]::GetHostAddressesAsync($Name)
}

# .NET asks the addresses of a name one after the other, and one that is dead takes all of a request's time. The first
# of them that answers within 3 s; an empty text where there is nothing to choose, or none answers.
function Find-Address {
    param([Uri] $Target, $Clock, [int] $Seconds, [hashtable] $Watch)
    $addresses = @(Wait-Task (Start-Lookup $Target.DnsSafeHost) $Clock $Seconds $Watch)
    if ($addresses.Count -lt 2 -or @($addresses | Where-Object { $_.AddressFamily -eq 'InterNetworkV6' }).Count -eq 0) { return '' }
    $tries = @($addresses | ForEach-Object {
            $client = New-Object Net.Sockets.TcpClient $_.AddressFamily
            @{ Address = $_; Client = $client; Task = $client.ConnectAsync($_, $Target.Port) }
        })
    $until = [Math]::Min($Seconds, $Clock.Elapsed.TotalSeconds + 3)
    try {
        while ($Clock.Elapsed.TotalSeconds -lt $until) {
            $isOver = @($tries | Where-Object { -not $_.Task.IsCompleted }).Count -eq 0
            foreach ($try in $tries) { if ($try.Task.Status -eq 'RanToCompletion') { return "$($try.Address)" } }
            if ($isOver) { return '' }
            [void]$Watch.Told.WaitOne(20)
            Assert-Untold $Watch
        }
        return ''
    }
    finally { foreach ($try in $tries) { $try.Client.Dispose() } }
}

# The reply, whatever its status is.
function Wait-Response {
    param($Request, $Clock, [int] $For, [hashtable] $Watch)
    try { return Wait-Task $Request.GetResponseAsync() $Clock $For $Watch }
    catch {
        $web = $_.Exception
        while ($null -ne $web -and $web -isnot [Net.WebException]) { $web = $web.InnerException }
        if ($null -eq $web -or $null -eq $web.Response) { throw }
        return $web.Response
    }
}

# Before .NET has begun to send, it has nothing to abort, and fails at that.
function Stop-Request {
    param($Request)
    try { $Request.Abort() }
    catch { if ($_.Exception.GetBaseException() -isnot [NullReferenceException]) { throw } }
}

# Asks the service. The reply is left in the agent: Status, Fields, Failure, RetryAfter.
function Send-Request {
    param([hashtable] $Agent, [string] $Path, $Body, [int] $Seconds = 15)
    $Agent.Status = 0; $Agent.Fields = $null; $Agent.Failure = ''; $Agent.IsTls = $false; $Agent.RetryAfter = -1
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $request = $null
    $response = $null
    try {
        $request = New-ServiceRequest $Agent $Path $clock $Seconds
        if ($Agent.Token -and $Path -ne 'handshake') { $request.Headers['authorization'] = "Bearer $($Agent.Token)" }
        if ($null -ne $Body) {
            $bytes = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $Body -Compress))
            $request.Method = 'POST'
            $request.ContentType = 'application/json'
            $request.ContentLength = $bytes.Length
            $stream = Wait-Task $request.GetRequestStreamAsync() $clock $Seconds $Agent.Watch
            try { [void](Wait-Task $stream.WriteAsync($bytes, 0, $bytes.Length) $clock $Seconds $Agent.Watch) } finally { $stream.Dispose() }
        }
        $response = Wait-Response $request $clock $Seconds $Agent.Watch
        $Agent.Status = [int]$response.StatusCode
        $Agent.RetryAfter = Get-RetryAfter "$($response.Headers['retry-after'])" "$($response.Headers['date'])"
        $Agent.Fields = Read-Object (Read-Body $response $clock $Seconds $Agent.Watch)
    }
    catch {
        if ("$_" -ceq 'openclaw was told to stop') { throw }
        $Agent.Status = 0
        $Agent.Address = $null
        # What is no reply asks for no wait.
        $Agent.RetryAfter = -1
        $reason = $_.Exception
        while ($null -ne $reason -and $reason -isnot [Security.Authentication.AuthenticationException]) { $reason = $reason.InnerException }
        $Agent.IsTls = $null -ne $reason
        if ($null -eq $reason) { $reason = $_.Exception }
        $Agent.Failure = Get-Cause $reason
    }
    finally {
        # What is closed while it is still read from may wait for the rest.
        if ($null -ne $request) { Stop-Request $request }
        if ($null -ne $response) { $response.Dispose() }
    }
    return $Agent.Status -eq 200 -and $null -ne $Agent.Fields
}

# The limit is for all of a reply: a server that dribbles would outlive the socket's own.
function Read-Body {
    param($Response, $Clock, [int] $Seconds, [hashtable] $Watch)
    $stream = $Response.GetResponseStream()
    $buffer = New-Object byte[] 16385
    $length = 0
    while ($length -lt $buffer.Length) {
        $count = Wait-Task $stream.ReadAsync($buffer, $length, $buffer.Length - $length) $Clock $Seconds $Watch
        if ($count -eq 0) { break }
        $length += $count
    }
    # A proxy may pack it though nobody asked for that.
    if ("$($Response.Headers['content-encoding'])".Trim() -match '\A(x-)?gzip\z') { return Read-Packed $buffer $length }
    return [Text.Encoding]::UTF8.GetString($buffer, 0, $length)
}

# What came of asking for a page within its time: Status, Milliseconds and Fields; or Fault, where nothing came.
function Get-Page {
    param([string] $Url, [hashtable] $Watch, [switch] $Reads)
    $page = @{ Status = 0; Milliseconds = 0; Fields = $null; Fault = 'cannot be reached' }
    $clock = [Diagnostics.Stopwatch]::StartNew()
    $request = $null
    $response = $null
    try {
        $request = New-Request $Url $PageSeconds
        $response = Wait-Response $request $clock $PageSeconds $Watch
        $page.Status = [int]$response.StatusCode
        $page.Milliseconds = [int]$clock.Elapsed.TotalMilliseconds
        $page.Fault = ''
        if ($Reads) { $page.Fields = Read-Object (Read-Body $response $clock $PageSeconds $Watch) }
    }
    catch {
        if ("$_" -ceq 'openclaw was told to stop') { throw }
        if ($page.Fault -and $clock.Elapsed.TotalSeconds -ge 0.9 * $PageSeconds) { $page.Fault = "did not answer within $PageSeconds s" }
    }
    finally {
        if ($null -ne $request) { Stop-Request $request }
        if ($null -ne $response) { $response.Dispose() }
    }
    return $page
}

# Looks at the host and at what is watched: the worst status, every message, and the metrics.
function Get-Observation {
    param([hashtable] $Watched, [hashtable] $Watch)
    $parts = @(@{ Status = 'healthy'; Message = ''; Metrics = Get-HostMetrics })
    if ($Watched.Gateway) { $parts += Get-GatewayHealth $Watched.Gateway $Watch }
    if ($Watched.Page) { $parts += Get-PageHealth $Watched.Page $Watch }
    $status = 'healthy'
    $metrics = @{}
    foreach ($part in $parts) {
        if ($part.Status -ceq 'unhealthy' -or ($part.Status -ceq 'degraded' -and $status -ceq 'healthy')) { $status = $part.Status }
        foreach ($name in $part.Metrics.Keys) { $metrics[$name] = $part.Metrics[$name] }
    }
    $message = @($parts | ForEach-Object { $_.Message } | Where-Object { $_ }) -join '; '
    $message = $message.Substring(0, [Math]::Min(500, $message.Length))
    # What is no whole character becomes a mark.
    $message = [Text.Encoding]::UTF8.GetString([Text.Encoding]::UTF8.GetBytes($message))
    return @{ Status = $status; Message = $message; Metrics = $metrics }
}

# What a host says of itself. What it cannot tell is left out.
function Get-HostMetrics {
    $metrics = @{}
    $load = ''
    $up = ''
    if ([IO.File]::Exists('/proc/loadavg') -and [IO.File]::Exists('/proc/uptime')) {
        $load = [IO.File]::ReadAllText('/proc/loadavg').Split(' ')[0]
        $up = [IO.File]::ReadAllText('/proc/uptime').Split(' ')[0]
    }
    else {
        $ticks = [Environment].GetProperty('TickCount64')
        if ($null -ne $ticks) { $up = "$([long]$ticks.GetValue($null) / 1000)" } else { $up = "$([Math]::Floor((Get-Seconds)))" }
    }
    if ($load -cmatch '\A[0-9.]+\z') { $metrics['load_1m'] = [double]::Parse($load, [Globalization.CultureInfo]::InvariantCulture) }
    if ($up -cmatch '\A([0-9]+)') { $metrics['uptime_seconds'] = [long]$Matches[1] }
    return $metrics
}

# No answer is unhealthy, any other than 2xx is degraded.
function Get-PageHealth {
    param([string] $Url, [hashtable] $Watch)
    $page = Get-Page $Url $Watch
    if ($page.Fault) { return @{ Status = 'unhealthy'; Message = "the probe $($page.Fault)"; Metrics = @{} } }
    $health = @{ Status = 'healthy'; Message = ''; Metrics = @{ latency_ms = $page.Milliseconds } }
    if ($page.Status -lt 200 -or $page.Status -ge 300) {
        $health.Status = 'degraded'
        $health.Message = "the probe answered $($page.Status)"
    }
    return $health
}

# The AI gateway that npm calls openclaw: only one that says that it is ready is healthy.
function Get-GatewayHealth {
    param([int] $Port, [hashtable] $Watch)
    $ready = Get-Page "http://127.0.0.1:$Port/readyz" $Watch -Reads
    if ($ready.Fault) { return @{ Status = 'unhealthy'; Message = "the gateway $($ready.Fault)"; Metrics = @{} } }
    $isReady = Get-Field $ready.Fields 'ready'
    if ($isReady -isnot [bool]) {
        return @{ Status = 'unhealthy'; Message = "what answers at port $Port (status $($ready.Status)) is not the gateway"; Metrics = @{} }
    }
    $started = (Get-Page "http://127.0.0.1:$Port/startupz" $Watch -Reads).Fields
    $metrics = @{ latency_ms = $ready.Milliseconds }
    foreach ($fields in $started, $ready.Fields) {
        $milliseconds = Get-Field $fields 'uptimeMs'
        $isNumber = $milliseconds -is [int] -or $milliseconds -is [long] -or $milliseconds -is [double] -or $milliseconds -is [decimal]
        if ($isNumber -and [double]$milliseconds -ge 0 -and [double]$milliseconds -lt 1e15) { $metrics['gateway_uptime_seconds'] = [long][Math]::Floor([double]$milliseconds / 1000) }
    }
    $gateway = 'the gateway'
    $version = Get-Text $started 'version'
    if ($version) {
        $version = Get-Shown $version
        $gateway += " $($version.Substring(0, [Math]::Min(40, $version.Length)))"
    }
    if ($isReady -and $ready.Status -eq 200) { return @{ Status = 'healthy'; Message = "$gateway is ready"; Metrics = $metrics } }
    $failing = @(Get-Field $ready.Fields 'failing' | Where-Object { $_ -is [string] }) -join ', '
    if ($failing) { $failing = ": $(Get-Shown $failing)" }
    return @{ Status = 'unhealthy'; Message = "$gateway is not ready$failing"; Metrics = $metrics }
}

# What is watched, by the words of the options; either may be empty.
function Get-Watched {
    param([string] $Program, [string] $Page)
    $watched = @{ Gateway = 0; Page = $Page }
    if ($Program) {
        $port = 65536
        if ($Program -ceq 'openclaw') { $port = 18789 } elseif ($Program -cmatch '\Aopenclaw:([1-9][0-9]{0,4})\z') { $port = [int]$Matches[1] }
        if ($port -gt 65535) { Die 2 "Cannot watch `"$(Get-Shown $Program)`": openclaw or openclaw:<port> is expected" '--watch openclaw' }
        $watched.Gateway = $port
    }
    if ($Page -and ($Page -cnotmatch '\Ahttps?://[^/?#@]+([/?#].*)?\z' -or $Page -cnotmatch '\A[!#-\[\]-~]+\z')) {
        Die 2 'Cannot use the address of --probe-url: one like http://127.0.0.1:8080/health is expected' '--probe-url http://127.0.0.1:8080/health'
    }
    return $watched
}

# After how many seconds an agent that stops means to be back; 0 where nothing is given.
function Get-BackIn {
    param([string] $Given)
    if (-not $Given) { return 0 }
    if ($Given -cnotmatch '\A[0-9]{1,6}\z' -or [int]$Given -lt 1 -or [int]$Given -gt 604800) {
        Die 2 "Cannot use `"$(Get-Shown $Given)`" for OPENCLAW_BACK_IN: a whole number of seconds from 1 to 604800 is expected" 'OPENCLAW_BACK_IN=120'
    }
    return [int]$Given
}

# The beginning of what was packed.
function Read-Packed {
    param([byte[]] $Bytes, [int] $Length)
    $packed = New-Object IO.MemoryStream $Bytes, 0, $Length
    $stream = New-Object IO.Compression.GZipStream $packed, ([IO.Compression.CompressionMode]::Decompress)
    $buffer = New-Object byte[] 16385
    $length = 0
    try {
        while ($length -lt $buffer.Length) {
            $count = $stream.Read($buffer, $length, $buffer.Length - $length)
            if ($count -eq 0) { break }
            $length += $count
        }
    }
    catch [IO.InvalidDataException] { return '' }
    finally { $stream.Dispose() }
    return [Text.Encoding]::UTF8.GetString($buffer, 0, $length)
}

# The three forms of a date in HTTP (RFC 9110, 5.6.7).
$HttpDates = @(
    '\A[A-Z][a-z]{2}, (?<d>[0-9]{2}) (?<m>[A-Z][a-z]{2}) (?<y>[0-9]{4}) (?<t>[0-9]{2}:[0-9]{2}:[0-9]{2}) GMT\z',
    '\A[A-Z][a-z]+day, (?<d>[0-9]{2})-(?<m>[A-Z][a-z]{2})-(?<y>[0-9]{2}) (?<t>[0-9]{2}:[0-9]{2}:[0-9]{2}) GMT\z',
    '\A[A-Z][a-z]{2} (?<m>[A-Z][a-z]{2}) (?<d>[ 0-9][0-9]) (?<t>[0-9]{2}:[0-9]{2}:[0-9]{2}) (?<y>[0-9]{4})\z')

# The moment, or nothing. Two digits of a year are those of the year that is next to $NearYear.
function Get-HttpDate {
    param([string] $Text, [int] $NearYear)
    foreach ($form in $HttpDates) {
        if ($Text -cnotmatch $form) { continue }
        $year = [int]$Matches['y']
        if ($Matches['y'].Length -eq 2) {
            $year += $NearYear - $NearYear % 100
            if ($year -gt $NearYear + 50) { $year -= 100 }
            elseif ($year -lt $NearYear - 50) { $year += 100 }
        }
        $words = "$($Matches['d'].Trim()) $($Matches['m']) $("$year".PadLeft(4, '0')) $($Matches['t'])"
        $moment = [datetime]::MinValue
        $isDate = [datetime]::TryParseExact($words, 'd MMM yyyy HH:mm:ss', [Globalization.CultureInfo]::InvariantCulture, [Globalization.DateTimeStyles]::None, [ref] $moment)
        if ($isDate) { return $moment }
    }
    return $null
}

# The seconds that a server asks for, at most a day; -1 if none. A date is reckoned from the reply's own.
function Get-RetryAfter {
    param([string] $Asked, [string] $Date)
    $Asked = $Asked.Trim()
    if ($Asked -match '\A[0-9]+\z') {
        $digits = $Asked.TrimStart('0')
        if ($digits.Length -gt 5) { return 86400 }
        return [Math]::Min(86400, [int]"0$digits")
    }
    $now = Get-HttpDate $Date.Trim() 0
    if ($null -eq $now) { return -1 }
    $until = Get-HttpDate $Asked $now.Year
    if ($null -eq $until) { return -1 }
    return [int][Math]::Max([double]0, [Math]::Min([double]86400, ($until - $now).TotalSeconds))
}

# In one line, what came instead of the expected reply.
function Get-WhatCame {
    param([hashtable] $Agent)
    if ($Agent.Failure) { return "no reply: $($Agent.Failure)" }
    $code = Get-Text $Agent.Fields 'error'
    if ($null -ne $code) {
        return Get-Shown "the server answers $($Agent.Status) ${code}: $(Get-Text $Agent.Fields 'error_description')"
    }
    if ($Agent.Status -ge 300 -and $Agent.Status -lt 400) { return "it redirects (status $($Agent.Status)), and that is not followed" }
    return "what answers (status $($Agent.Status.ToString('000'))) is not openclaw, perhaps a proxy's page"
}

# Buys a session. The one that there was is good until then: a server that is down does not take it away.
function Open-Session {
    param([hashtable] $Agent)
    $body = @{ agent_id = $Agent.Id; agent_secret = $Agent.Secret; instance_id = $Agent.Instance; client = $Agent.Client }
    if (-not (Send-Request $Agent 'handshake' $body)) { return $false }
    $refresh = Get-Number $Agent.Fields 'refresh_in' 1
    $interval = Get-Number $Agent.Fields 'heartbeat_interval_seconds' 1
    $beat = Get-Number $Agent.Fields 'next_heartbeat_in'
    $token = Get-Text $Agent.Fields 'token'
    if ($refresh -lt 0 -or $interval -lt 0 -or $beat -lt 0 -or "$token" -cnotmatch '\A[A-Za-z0-9_.-]+\z') { return $false }
    $Agent.RefreshIn = $refresh; $Agent.Interval = $interval; $Agent.BeatIn = $beat; $Agent.Token = $token
    $Agent.Name = "$(Get-Text (Get-Field $Agent.Fields 'agent') 'name')"
    return $true
}

function Send-Beat {
    param([hashtable] $Agent, [string] $Status, [int] $Seconds = 15, [string] $Message = '', [hashtable] $Metrics = @{}, [int] $BackIn = 0)
    $Agent.Seq += 1
    $body = @{ status = $Status; seq = $Agent.Seq; instance_id = $Agent.Instance; metrics = $Metrics }
    if ($Message) { $body['message'] = $Message }
    if ($BackIn) { $body['back_in_seconds'] = $BackIn }
    if (-not (Send-Request $Agent 'heartbeat' $body $Seconds)) { return $false }
    $beat = Get-Number $Agent.Fields 'next_heartbeat_in' 1
    if ((Get-Field $Agent.Fields 'ok') -isnot [bool] -or -not $Agent.Fields.ok -or $beat -lt 0) { return $false }
    $Agent.BeatIn = $beat
    $interval = Get-Number $Agent.Fields 'heartbeat_interval_seconds' 1
    if ($interval -gt 0) { $Agent.Interval = $interval }
    return $true
}

function Test-Refused {
    param([hashtable] $Agent, [string[]] $Codes)
    return $Agent.Status -eq 401 -and $Codes -ccontains (Get-Text $Agent.Fields 'error')
}

function Get-Random-Between {
    param([double] $From, [double] $To)
    $bytes = New-Object byte[] 4
    $random = [Security.Cryptography.RandomNumberGenerator]::Create()
    try { $random.GetBytes($bytes) } finally { $random.Dispose() }
    return $From + ($To - $From) * [BitConverter]::ToUInt32($bytes, 0) / 4294967296
}

# Waits until the moment, in ticks. A wall clock that moves on without us was a host asleep: beat, or try again,
# now, but not twice in a minute, and not before the moment that a server was promised, which no clock moves.
function Wait-Until {
    param([hashtable] $Life, [double] $Moment, [double] $NotBefore = 0)
    while (-not $Life.Watch.Reload -and (Get-Seconds) -lt $Moment) {
        $began = Get-Seconds
        Wait-Seconds ([Math]::Min(5, $Moment - $began)) $Life.Watch
        $now = Get-Seconds
        $ahead = (Get-WallSeconds) - $now - $Life.Ahead
        $Life.Ahead += $ahead
        if ($ahead -lt 30) { continue }
        # The session has aged meanwhile, and may be none any more.
        $Life.RefreshAt -= $ahead
        $awakeAt = [Math]::Max([Math]::Max($now, $Life.JumpedAt + 60), $NotBefore)
        if ($awakeAt -lt $Moment -or $awakeAt -lt $Life.BeatAt) { $Life.JumpedAt = $awakeAt }
        $Life.BeatAt = [Math]::Min($Life.BeatAt, $awakeAt)
        $Moment = [Math]::Min($Moment, $awakeAt)
    }
    if ($Life.Watch.Reload) { Update-Credentials $Life }
}

# Reads the credentials again. With them begins another session; the last one ends, if it was another agent's.
function Update-Credentials {
    param([hashtable] $Life)
    $agent = $Life.Agent
    $Life.Watch.Reload = $false
    $found = Read-Credentials $Life.Path
    if ($null -eq $found) {
        Say "Cannot read `"$($Life.Path)`" again: the earlier credentials stay in use"
        return
    }
    if ($agent.Token -and ($found.Url -cne $agent.Url -or $found.Id -cne $agent.Id)) { [void](Send-Beat $agent 'stopping' 3) }
    $agent.Url = $found.Url; $agent.Address = $null; $agent.Id = $found.Id; $agent.Secret = $found.Secret; $agent.Token = ''
    Say 'the credentials were read again'
    $Life.Failures = 0; $Life.Refusals = 0; $Life.SecondChance = $false; $Life.BeatAt = 0
}

function Wait-AfterOutage {
    param([hashtable] $Agent, [hashtable] $Life)
    if ($Life.Failures -eq 0) {
        $what = 'no heartbeat'
        if ((Get-Text $Agent.Fields 'error') -ceq 'invalid_request') { $what = 'the server does not take what this agent sends' }
        Say "${what}: $(Get-WhatCame $Agent); trying again"
        $wait = Get-Random-Between 0 ([Math]::Min(60, $Agent.Interval))
    }
    else {
        $most = [Math]::Min(300, 5 * [Math]::Pow(2, [Math]::Min(10, $Life.Failures - 1)))
        $wait = Get-Random-Between ($most / 2) $most
    }
    $Life.Failures += 1
    $asked = 0
    if ($Agent.RetryAfter -ge 0) { $asked = Get-Random-Between $Agent.RetryAfter ($Agent.RetryAfter * 1.2) }
    $now = Get-Seconds
    Wait-Until $Life ($now + [Math]::Max($wait, $asked)) ($now + $asked)
}

function Wait-AfterNoSession {
    param([hashtable] $Agent, [hashtable] $Life)
    if (-not (Test-Refused $Agent 'invalid_credentials')) {
        Wait-AfterOutage $Agent $Life
        return
    }
    if ($Life.Refusals -eq 0) { Say "the server refuses this agent: $(Get-WhatCame $Agent); will keep retrying" }
    $wait = [Math]::Min(3600, 60 * [Math]::Pow(4, [Math]::Min(10, $Life.Refusals))) * (Get-Random-Between 0.8 1.2)
    $Agent.Token = ''
    $Life.Refusals += 1
    $Life.Failures = 0
    $Life.BeatAt = 0
    $until = (Get-Seconds) + $wait
    Wait-Until $Life $until $until
}

function Wait-AfterNoBeat {
    param([hashtable] $Agent, [hashtable] $Life)
    if (-not (Test-Refused $Agent 'token_missing', 'token_invalid', 'token_expired', 'session_revoked')) {
        Wait-AfterOutage $Agent $Life
        return
    }
    $Agent.Token = ''
    if ($Life.SecondChance) {
        Wait-AfterOutage $Agent $Life
        return
    }
    $Life.SecondChance = $true
    $Life.BeatAt = 0
    Wait-Until $Life ((Get-Seconds) + (Get-Random-Between 0 ([Math]::Min(10, $Agent.Interval))))
}

function Complete-Outage {
    param([hashtable] $Life)
    if ($Life.Failures -gt 0) { Say 'the server answers again' }
    $Life.Failures = 0
}

# What goes well.
function Say-Well {
    param([hashtable] $Agent, [string] $Words)
    if (-not $Agent.IsQuiet) { Say $Words }
}

# Where the host is, too, and not at every beat.
function Write-Health {
    param([hashtable] $Life, [hashtable] $Seen)
    if ($Seen.Status -ceq $Life.Health) { return }
    $Life.Health = $Seen.Status
    $words = "the host is $($Seen.Status)"
    if ($Seen.Message) { $words += ": $($Seen.Message)" }
    if ($Seen.Status -ceq 'healthy') { Say-Well $Life.Agent $words } else { Say $words }
}

# The agent's life, by the monotonic clock.
function Start-Life {
    param([hashtable] $Agent, [string] $Path)
    $life = @{ Agent = $Agent; Path = $Path; BeatAt = 0; RefreshAt = 0; Failures = 0; Refusals = 0; SecondChance = $false; JumpedAt = (Get-Seconds) - 60; Ahead = (Get-WallSeconds) - (Get-Seconds); Watch = $Agent.Watch; Health = 'healthy' }
    Say-Well $Agent "watching over agent $($Agent.Id) at $($Agent.Url)"
    while ($true) {
        if (-not $Agent.Token -or (Get-Seconds) -ge $life.RefreshAt) {
            if (-not (Open-Session $Agent)) {
                Wait-AfterNoSession $Agent $life
                continue
            }
            $now = Get-Seconds
            if (-not $life.SecondChance) { Complete-Outage $life }
            if ($life.Refusals -gt 0) { Say 'the server accepts this agent again' }
            $life.Refusals = 0
            $life.RefreshAt = $now + $Agent.RefreshIn
            # A renewed session leaves the beats where they were, unless the server has another wish.
            if ($Agent.BeatIn -gt 0 -or $life.BeatAt -le $now) { $life.BeatAt = $now + $Agent.BeatIn }
        }
        if ((Get-Seconds) -ge $life.BeatAt) {
            $seen = Get-Observation $Agent.Watched $Agent.Watch
            Write-Health $life $seen
            if (-not (Send-Beat $Agent $seen.Status -Message $seen.Message -Metrics $seen.Metrics)) {
                Wait-AfterNoBeat $Agent $life
                continue
            }
            Complete-Outage $life
            $life.SecondChance = $false
            $life.BeatAt = (Get-Seconds) + $Agent.BeatIn
        }
        Wait-Until $life ([Math]::Min($life.BeatAt, $life.RefreshAt))
    }
}

# PowerShell parts a word that begins with a dash at its first colon. The parts are put together again.
function Join-Arguments {
    param([string[]] $Arguments)
    $joined = New-Object 'Collections.Generic.List[string]'
    foreach ($word in $Arguments) {
        $last = ''
        if ($joined.Count -gt 0) { $last = $joined[$joined.Count - 1] }
        $isRest = ($last -cmatch '\A--[a-z-]+=[a-z]+:?\z' -and $word.StartsWith('//')) -or ($last -cmatch '\A--watch=openclaw:?\z' -and $word -cmatch '\A[0-9]+\z')
        if ($isRest) { $joined[$joined.Count - 1] = "$($last.TrimEnd(':')):$word" } else { $joined.Add($word) }
    }
    return , $joined.ToArray()
}

# The first word is the command, or --help or --version.
function Read-AgentOptions {
    param([string[]] $Arguments)
    $found = @{ 'help' = $false; 'version' = $false; 'quiet' = $false; 'once' = $false; 'log-file' = ''; 'watch' = ''; 'probe-url' = ''; 'name' = '' }
    $command = $Arguments[0]
    $first = 0
    if ($command -ceq 'monitor' -or $command -ceq 'status') { $first = 1 }
    for ($index = $first; $index -lt $Arguments.Count; $index++) {
        $name, $value = $Arguments[$index].Split([char[]]'=', 2)
        $field = $name -creplace '\A--', '' -creplace '\A-h\z', 'help'
        $isKnown = $name -cmatch '\A(--[a-z]|-h\z)' -and $found.Keys -ccontains $field -and ($command -ceq 'monitor' -or $field -ceq 'help' -or $field -ceq 'version' -or $field -ceq 'name')
        if (-not $isKnown -or ($found[$field] -is [bool] -and $null -ne $value)) { Die 2 "Cannot read the options: unknown option `"$(Get-Shown $Arguments[$index])`"" "$NameOnHost --help" }
        if ($found[$field] -is [bool]) {
            $found[$field] = $true
            continue
        }
        if ($null -eq $value) {
            $index++
            if ($index -lt $Arguments.Count) { $value = $Arguments[$index] }
        }
        if (-not $value) { Die 2 "Cannot read the options: `"$name`" lacks its value" "$NameOnHost --help" }
        $found[$field] = $value
    }
    return $found
}

function Get-AgentUsage {
    return @(
        'The openclaw agent of this host: it shakes hands, and sends heartbeats until it is told to stop.', ''
        "Usage: $NameOnHost monitor [options]"
        "       $NameOnHost status", ''
        '  --watch <program>   openclaw or openclaw:<port>: unhealthy unless the AI gateway of'
        '                      that name on this host is ready'
        '  --probe-url <url>   get this page before each beat: latency_ms, and degraded unless 2xx'
        '  --once              one beat, then end'
        '  --quiet             say only what is wrong'
        '  --log-file <file>   write the lines to this file'
        '  --help              print this'
        '  --version           print the version', ''
        'OPENCLAW_BACK_IN=<seconds> in the environment: when it is to be back, as a stop says it', ''
        'Exit codes: 0 done, 1 failed or not online, 2 usage, 3 refused credentials, 6 unreachable') -join "`n"
}

# Appends to the file what would go to the terminal. Others may read it, and move it away, meanwhile.
function Open-Log {
    param([string] $Path)
    if (Test-Planted $Path) { Die 1 "Cannot write `"$Path`": it is a link in a folder of another user" 'name another file' }
    try {
        $isNew = -not [IO.File]::Exists($Path)
        $file = New-Object IO.FileStream $Path, 'Append', 'Write', 'ReadWrite, Delete'
        if ($isNew -and $env:OS -ne 'Windows_NT') { chmod 600 ([IO.Path]::GetFullPath($Path)) }
        $writer = New-Object IO.StreamWriter $file, (New-Object Text.UTF8Encoding $false)
        $writer.AutoFlush = $true
    }
    catch { Die 1 "Cannot write `"$Path`"" 'look at the disk and its permissions' }
    $AgentLog.Writer = $writer
}

# Whether another user may have put it there for this one to write through: a link, or a second name of a file.
function Test-Planted {
    param([string] $Path)
    if ($env:OS -eq 'Windows_NT') { return $false }
    $full = [IO.Path]::GetFullPath($Path)
    $mode, $names, $owner = ("$(ls -ldn $full 2>$null)" -split ' +')[0..2]
    $owners = @(("$(ls -ldn "$([IO.Path]::GetDirectoryName($full))/." 2>$null)" -split ' +')[2])
    if ($mode -clike 'l*') { $owners += $owner }
    elseif ($mode -cnotlike '-*' -or $names -ceq '1') { return $false }
    return @($owners | Where-Object { $_ -cne '0' -and $_ -cne "$(id -u)" }).Count -gt 0
}

function Start-Agent {
    param([string[]] $Arguments, [string] $File)
    if ($Arguments.Count -eq 0 -or 'monitor', 'status', '--help', '-h', '--version' -cnotcontains $Arguments[0]) {
        Die 2 'Cannot run: this agent has the commands "monitor" and "status" only' "$NameOnHost --help"
    }
    $found = Read-AgentOptions (Join-Arguments $Arguments)
    if ($found['help'] -or $found['version']) {
        if ($found['help']) { [Console]::Out.WriteLine((Get-AgentUsage)) } else { [Console]::Out.WriteLine($Version) }
        return
    }
    $watched = Get-Watched $found['watch'] $found['probe-url']
    $backIn = 0
    if ($Arguments[0] -ceq 'monitor') { $backIn = Get-BackIn $env:OPENCLAW_BACK_IN }
    if ($found['log-file']) { Open-Log $found['log-file'] }
    $NameOnHost = Select-Name $found['name'] $File
    foreach ($name in $SecretNames) { [Environment]::SetEnvironmentVariable($name, [NullString]::Value) }
    Enable-Tls
    $path = [IO.Path]::Combine((Get-State), 'credentials.json')
    if (-not [IO.File]::Exists($path)) { Die 1 "Cannot read `"$path`": there is no such file, or it is not this user's" 'run the installer again' }
    $credentials = Read-Credentials $path
    if ($null -eq $credentials) { Die 1 "Cannot read `"$path`": it holds no credentials" 'run the installer again' }
    $isLife = $Arguments[0] -ceq 'monitor' -and -not $found['once']
    $watch = New-Watch
    if ($isLife) { $watch = Start-Watch -ReadsAgain }
    $agent = New-Agent $credentials $watch
    $agent.Watched = $watched
    $agent.IsQuiet = $found['quiet']
    if ($isLife) { Start-Monitor $agent $path $backIn }
    elseif ($found['once']) { Send-OneBeat $agent }
    else { Write-Status $agent }
}

function Start-Monitor {
    param([hashtable] $Agent, [string] $Path, [int] $BackIn)
    $goodbye = New-Watch
    # Ctrl-C, and a shutdown that lets us, end the loop and not the goodbye.
    try { Start-Life $Agent $Path }
    catch { if ("$_" -cne 'openclaw was told to stop') { throw } }
    finally {
        $Agent.Watch = $goodbye
        if ($Agent.Token) { [void](Send-Beat $Agent 'stopping' 3 -BackIn $BackIn) }
    }
}

function Send-OneBeat {
    param([hashtable] $Agent)
    if (-not (Open-Session $Agent)) { Stop-Undone $Agent 'shake hands with' }
    $seen = Get-Observation $Agent.Watched $Agent.Watch
    if (-not (Send-Beat $Agent $seen.Status -Message $seen.Message -Metrics $seen.Metrics)) { Stop-Undone $Agent 'send a heartbeat to' }
}

function Stop-Undone {
    param([hashtable] $Agent, [string] $What)
    $words = "Cannot $What $($Agent.Url): $(Get-WhatCame $Agent)"
    if ($Agent.Status -eq 401 -and $null -ne $Agent.Fields) { Die 3 $words 'ask the operator of the server' }
    Die 6 $words 'check the URL, the network and the proxy'
}

# Ends with 0 if the server calls the agent online.
function Write-Status {
    param([hashtable] $Agent)
    if (-not (Open-Session $Agent)) { Stop-Undone $Agent 'shake hands with' }
    [Console]::Out.WriteLine("agent     $(Get-Shown $Agent.Name) ($($Agent.Id))`nserver    $($Agent.Url)")
    $seen = $null
    if (Send-Request $Agent 'heartbeat' $null) { $seen = Get-Field $Agent.Fields 'agent' }
    $liveness = Get-Text $seen 'liveness'
    if ($null -eq $liveness) { Stop-Undone $Agent 'see the agent at' }
    $last = Get-Field $seen 'last_seen_at'
    if ($last -is [datetime]) { $last = $last.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.FFFZ', [Globalization.CultureInfo]::InvariantCulture) }
    if (-not $last) { $last = 'never' }
    [Console]::Out.WriteLine("liveness  $(Get-Shown $liveness)`nlast beat $(Get-Shown "$last"), wanted every $($Agent.Interval) s")
    if ($liveness -cne 'online') { throw 'openclaw ends with 1' }
}

# The installer takes what comes before this line.
try { Start-Agent $args "$($MyInvocation.MyCommand.ScriptBlock.File)" }
catch {
    if ("$_" -match '^openclaw ends with (\d+)$') { exit [int]$Matches[1] }
    Say "error: Cannot go on: $(Get-Cause $_.Exception)"
    exit 1
}
