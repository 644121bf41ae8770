# Installs the openclaw agent on a host that has PowerShell 5.1 or later. ".\install.ps1 --help" tells how.
#
# Nothing here runs before the last line has arrived, so a download that was cut off does nothing. The secret
# is in no argument, no log and no file that others can read.
function Install-OpenClaw {
    param([string[]] $Arguments)
    Set-StrictMode -Version 2
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    $PSNativeCommandUseErrorActionPreference = $false
    # Empty when the text came through a pipe. $PSCommandPath would then be that of the script that called iex.
    $ownFile = $MyInvocation.MyCommand.ScriptBlock.File
    # It lets nothing below be called, so the sentence is all that there is.
    if ($ExecutionContext.SessionState.LanguageMode -ne 'FullLanguage') {
        Write-Host 'error: Cannot install: this PowerShell runs in a restricted language mode, and the full language is wanted'
        if ($ownFile) { exit 1 }
        $global:LASTEXITCODE = 1
        return
    }

    # What a release, or the service, writes into a copy of this file.
    $Version = '0.1.0'
    $BakedUrl = ''
    $BakedAgentId = ''
    $BakedAgentSecret = ''
    $BinaryFolder = ''
    $BinarySums = ''

    # What the installer and the agent share. The agent is made of these functions, word for word.

    # What cannot be said, to a terminal that has gone, ends nothing.
    function Say {
        param([string] $Words)
        try { [Console]::Error.WriteLine($Words) } catch [IO.IOException] { return }
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

    # Windows PowerShell knows only old versions of TLS by itself.
    function Enable-Tls {
        $protocols = [Net.ServicePointManager]::SecurityProtocol
        if ($protocols -ne 0) { [Net.ServicePointManager]::SecurityProtocol = $protocols -bor 3072 }
        [Net.ServicePointManager]::Expect100Continue = $false
    }

    # What SIGINT, SIGTERM and SIGHUP set, so that all that waits ends at once and is cleaned up after. Windows
    # PowerShell 5.1 has no such signals: there it is never set, and Ctrl-C ends what waits in short steps.
    function Start-Watch {
        $watch = @{ Told = New-Object Threading.ManualResetEvent $false; Registrations = @() }
        $registration = 'System.Runtime.InteropServices.PosixSignalRegistration' -as [type]
        if ($null -eq $registration) { return $watch }
        # Compiled: a script block has no runspace in the thread that brings a signal.
        $type = 'System.Runtime.InteropServices.PosixSignalContext' -as [type]
        $context = [Linq.Expressions.Expression]::Parameter($type, 'context')
        $cancel = [Linq.Expressions.Expression]::Property($context, 'Cancel')
        $steps = [Linq.Expressions.Expression[]]@(
            [Linq.Expressions.Expression]::Assign($cancel, [Linq.Expressions.Expression]::Constant($true)),
            [Linq.Expressions.Expression]::Call([Linq.Expressions.Expression]::Constant($watch.Told), [Threading.EventWaitHandle].GetMethod('Set')),
            [Linq.Expressions.Expression]::Empty())
        $parameters = [Linq.Expressions.ParameterExpression[]]@($context)
        $action = [Action`1].MakeGenericType($type)
        $handler = [Linq.Expressions.Expression]::Lambda($action, [Linq.Expressions.Expression]::Block($steps), $parameters).Compile()
        $watch.Registrations = @('SIGINT', 'SIGTERM', 'SIGHUP' | ForEach-Object { $registration::Create($_, $handler) })
        return $watch
    }

    function Stop-Watch {
        param([hashtable] $Watch)
        foreach ($registration in $Watch.Registrations) { $registration.Dispose() }
    }

    function Assert-Untold {
        param([hashtable] $Watch)
        if ($Watch.Told.WaitOne(0)) { throw 'openclaw was told to stop' }
    }

    # The result of the task, which has so many seconds on the clock. In short steps, since Ctrl-C ends no call of .NET.
    function Wait-Task {
        param($Task, $Clock, [double] $Seconds, [hashtable] $Watch)
        $handles = [Threading.WaitHandle[]]@($Watch.Told, ([IAsyncResult]$Task).AsyncWaitHandle)
        while (-not $Task.IsCompleted) {
            $left = $Seconds * 1000 - $Clock.Elapsed.TotalMilliseconds
            if ($left -le 0) { throw 'timed out' }
            if ([Threading.WaitHandle]::WaitAny($handles, [int][Math]::Min(200, [Math]::Ceiling($left))) -eq 0) { break }
        }
        Assert-Untold $Watch
        return $Task.GetAwaiter().GetResult()
    }

    function Wait-Seconds {
        param([double] $Seconds, [hashtable] $Watch)
        $milliseconds = [int][Math]::Max(1, $Seconds * 1000)
        if ($Watch.Registrations.Count -eq 0) { Start-Sleep -Milliseconds $milliseconds }
        elseif ($Watch.Told.WaitOne($milliseconds)) { Assert-Untold $Watch }
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
        if ($env:OS -ne 'Windows_NT') {
            $kernel = (uname -s)
            $machine = (uname -m)
        }
        $systems = @{ 'Windows_NT' = 'windows'; 'Linux' = 'linux'; 'Darwin' = 'darwin' }
        $machines = @{ 'amd64' = 'x86_64'; 'x86_64' = 'x86_64'; 'arm64' = 'aarch64'; 'aarch64' = 'aarch64' }
        foreach ($name in 'armv6l', 'armv7l', 'i686', 'i386', 'riscv64', 'ppc64le', 's390x') { $machines[$name] = $name }
        return @{ Os = $systems["$kernel"]; Arch = $machines["$machine".ToLowerInvariant()]; Name = "$kernel $machine" }
    }

    function Get-State {
        if ($env:OS -eq 'Windows_NT') { return [IO.Path]::Combine($env:APPDATA, 'openclaw') }
        if ((uname -s) -eq 'Darwin') { return "$HOME/Library/Application Support/openclaw" }
        if ("$env:XDG_CONFIG_HOME".StartsWith('/')) { return "$env:XDG_CONFIG_HOME/openclaw" }
        return "$env:HOME/.config/openclaw"
    }

    # The JSON object in the text, or nothing. Ours are a few hundred bytes; what is larger is somebody else.
    function Read-Object {
        param([string] $Text)
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

    # The whole part of a number, which is brought between the least and a day. -1 if it is none.
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
        try { $fields = Read-Object ([IO.File]::ReadAllText($Path)) }
        catch [IO.IOException], [UnauthorizedAccessException] { return $null }
        $found = @{ Url = Get-Text $fields 'url'; Id = Get-Text $fields 'agent_id'; Secret = Get-Text $fields 'agent_secret' }
        if (-not $found.Url -or $found.Url -match '[\s"\\]') { return $null }
        if ("$($found.Id)" -cnotmatch '\A[0-9a-f-]+\z' -or "$($found.Secret)" -cnotmatch '\A[A-Za-z0-9_-]+\z') { return $null }
        return $found
    }

    function New-Agent {
        param([hashtable] $Credentials, [string] $Version, [hashtable] $Watch)
        $platform = Get-Platform
        $hostName = [Net.Dns]::GetHostName() -replace '[^A-Za-z0-9._-]', '-'
        return @{
            Url = $Credentials.Url; Id = $Credentials.Id; Secret = $Credentials.Secret; Version = $Version
            Instance = [guid]::NewGuid().ToString(); Seq = 0; Token = ''; Interval = 60; RefreshIn = 0; BeatIn = 0; Name = ''
            Client = @{ version = $Version; hostname = $hostName.Substring(0, [Math]::Min(255, $hostName.Length)); os = "$($platform.Os)"; arch = "$($platform.Arch)" }
            Status = 0; Fields = $null; Failure = ''; IsTls = $false; RetryAfter = -1; Watch = $Watch
        }
    }

    # Plain http is for this host alone. What is on this host needs no proxy, which would read the secret.
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

    # Asks the service. The reply is left in the agent: Status, Fields, Failure, RetryAfter.
    function Send-Request {
        param([hashtable] $Agent, [string] $Path, $Body, [int] $Seconds = 15)
        $Agent.Status = 0; $Agent.Fields = $null; $Agent.Failure = ''; $Agent.IsTls = $false; $Agent.RetryAfter = -1
        $clock = [Diagnostics.Stopwatch]::StartNew()
        $request = $null
        $response = $null
        try {
            $request = [Net.HttpWebRequest][Net.WebRequest]::Create("$($Agent.Url)/functions/v1/$Path")
            $request.AllowAutoRedirect = $false
            $request.KeepAlive = $false
            $request.Timeout = $Seconds * 1000
            $request.ReadWriteTimeout = $Seconds * 1000
            $request.UserAgent = "openclaw/$($Agent.Version) (powershell)"
            Set-Proxy $request
            if ($Agent.Token -and $Path -ne 'handshake') { $request.Headers['authorization'] = "Bearer $($Agent.Token)" }
            if ($null -ne $Body) {
                $bytes = [Text.Encoding]::UTF8.GetBytes((ConvertTo-Json $Body -Compress))
                $request.Method = 'POST'
                $request.ContentType = 'application/json'
                $request.ContentLength = $bytes.Length
                $stream = Wait-Task $request.GetRequestStreamAsync() $clock $Seconds $Agent.Watch
                try { [void](Wait-Task $stream.WriteAsync($bytes, 0, $bytes.Length) $clock $Seconds $Agent.Watch) } finally { $stream.Dispose() }
            }
            try { $response = Wait-Task $request.GetResponseAsync() $clock $Seconds $Agent.Watch }
            catch {
                $web = $_.Exception
                while ($null -ne $web -and $web -isnot [Net.WebException]) { $web = $web.InnerException }
                if ($null -eq $web -or $null -eq $web.Response) { throw }
                $response = $web.Response
            }
            $Agent.Status = [int]$response.StatusCode
            $late = "$($response.Headers['retry-after'])"
            if ($late -match '\A[0-9]{1,9}\z') { $Agent.RetryAfter = [Math]::Min(86400, [int]$late) }
            $Agent.Fields = Read-Object (Read-Body $response $clock $Seconds $Agent.Watch)
        }
        catch {
            if ("$_" -ceq 'openclaw was told to stop') { throw }
            $Agent.Status = 0
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
            if ($null -ne $request) { $request.Abort() }
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
        return [Text.Encoding]::UTF8.GetString($buffer, 0, $length)
    }

    # Says in one line what came instead of what was wanted.
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
        param([hashtable] $Agent, [string] $Status, [int] $Seconds = 15)
        $Agent.Seq += 1
        $body = @{ status = $Status; seq = $Agent.Seq; instance_id = $Agent.Instance }
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
        while ((Get-Seconds) -lt $Moment) {
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
    }

    function Wait-AfterOutage {
        param([hashtable] $Agent, [hashtable] $Life)
        if ($Life.Failures -eq 0) {
            Say "no heartbeat: $(Get-WhatCame $Agent); trying again"
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
        if ($Life.Refusals -eq 0) { Say "the agent is not wanted: $(Get-WhatCame $Agent); asking again from time to time" }
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

    # The agent's life, by the monotonic clock.
    function Start-Life {
        param([hashtable] $Agent)
        $life = @{ BeatAt = 0; RefreshAt = 0; Failures = 0; Refusals = 0; SecondChance = $false; JumpedAt = (Get-Seconds) - 60; Ahead = (Get-WallSeconds) - (Get-Seconds); Watch = $Agent.Watch }
        while ($true) {
            if (-not $Agent.Token -or (Get-Seconds) -ge $life.RefreshAt) {
                if (-not (Open-Session $Agent)) {
                    Wait-AfterNoSession $Agent $life
                    continue
                }
                $now = Get-Seconds
                if (-not $life.SecondChance) { Complete-Outage $life }
                if ($life.Refusals -gt 0) { Say 'the agent is wanted again' }
                $life.Refusals = 0
                $life.RefreshAt = $now + $Agent.RefreshIn
                # A renewed session leaves the beats where they were, unless the server has another wish.
                if ($Agent.BeatIn -gt 0 -or $life.BeatAt -le $now) { $life.BeatAt = $now + $Agent.BeatIn }
            }
            if ((Get-Seconds) -ge $life.BeatAt) {
                if (-not (Send-Beat $Agent 'healthy')) {
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

    function Start-Agent {
        param([string[]] $Arguments, [string] $Version)
        if ("$Arguments" -ceq '--version') {
            [Console]::Out.WriteLine($Version)
            return
        }
        if ("$Arguments" -cne 'monitor') { Die 2 'Cannot run: "openclaw monitor" is what this agent does' 'openclaw monitor' }
        foreach ($name in @([Environment]::GetEnvironmentVariables().Keys) -like 'OPENCLAW_*') { [Environment]::SetEnvironmentVariable($name, [NullString]::Value) }
        Enable-Tls
        $path = [IO.Path]::Combine((Get-State), 'credentials.json')
        if (-not [IO.File]::Exists($path)) { Die 1 "Cannot read `"$path`": there is no such file, or it is not this user's" 'run the installer again' }
        $credentials = Read-Credentials $path
        if ($null -eq $credentials) { Die 1 "Cannot read `"$path`": it holds no credentials" 'run the installer again' }
        $agent = New-Agent $credentials $Version (Start-Watch)
        # Ctrl-C, and a shutdown that lets us, end the loop and not the goodbye.
        try { Start-Life $agent }
        catch { if ("$_" -cne 'openclaw was told to stop') { throw } }
        finally {
            [void]$agent.Watch.Told.Reset()
            if ($agent.Token) { [void](Send-Beat $agent 'stopping' 3) }
        }
    }

    $shared = 'Say', 'Get-Shown', 'Get-Cause', 'Set-Proxy', 'Die', 'Enable-Tls', 'Get-Platform', 'Get-State', 'Read-Object', 'Get-Field', 'Get-Text', 'Get-Number',
        'Read-Credentials', 'New-Agent', 'Send-Request', 'Read-Body', 'Get-WhatCame', 'Open-Session', 'Send-Beat', 'Test-Refused',
        'Get-Random-Between', 'Start-Watch', 'Assert-Untold', 'Wait-Task', 'Wait-Seconds', 'Get-Seconds', 'Get-WallSeconds', 'Wait-Until', 'Wait-AfterOutage', 'Wait-AfterNoSession', 'Wait-AfterNoBeat', 'Complete-Outage', 'Start-Life', 'Start-Agent'

    function Get-ProgramText {
        $lines = @('#!/usr/bin/env pwsh', '# Written by openclaw. The agent of a host that has PowerShell: it shakes hands, beats, says goodbye.')
        $lines += 'Set-StrictMode -Version 2', "`$ErrorActionPreference = 'Stop'", "`$PSNativeCommandUseErrorActionPreference = `$false"
        foreach ($name in $shared) { $lines += "function $name {$((Get-Command $name -CommandType Function).Definition)}" }
        $lines += "try { Start-Agent `$args '$Version' }", 'catch {'
        $lines += '    if ("$_" -match ''^openclaw ends with (\d+)$'') { exit [int]$Matches[1] }', '    throw', '}'
        return ($lines -join "`n") + "`n"
    }

    # The installer itself.

    $usage = @'
Installs the openclaw agent on this host, and shakes hands with its server.

Usage: install.ps1 [options]

  --url <url>                 the server (env: OPENCLAW_URL)
  --agent-id <uuid>           the agent (env: OPENCLAW_AGENT_ID)
  --agent-secret-file <file>  the file that holds its secret (env: OPENCLAW_AGENT_SECRET_FILE,
                              or the secret itself in OPENCLAW_AGENT_SECRET)
  --binary <file>             install this program
  --binary-url <url>          fetch it from here
  --sha256 <hex>              the SHA-256 of the program
  --script-agent              install the small agent that this installer brings along
  --no-service                install no service
  --uninstall                 remove what this installer wrote
  --dry-run                   check everything, touch nothing
  --yes                       answer every question with yes
  --help                      print this
  --version                   print the version

Exit codes: 0 done, 1 failed, 2 usage, 3 refused credentials, 4 not found, 5 conflict, 6 unreachable
'@

    $ofInterruption = 'error: Cannot go on: it was interrupted'

    function Answer {
        param([string] $Words)
        try { [Console]::Out.WriteLine($Words) } catch [IO.IOException] { return }
    }

    function Read-Arguments {
        param([string[]] $Arguments)
        $options = @{ 'url' = ''; 'agent-id' = ''; 'agent-secret-file' = ''; 'binary' = ''; 'binary-url' = ''; 'sha256' = ''
            'script-agent' = $false; 'no-service' = $false; 'uninstall' = $false; 'dry-run' = $false; 'yes' = $false; 'help' = $false; 'version' = $false }
        for ($index = 0; $index -lt $Arguments.Count; $index++) {
            $name, $value = $Arguments[$index].Split([char[]]'=', 2)
            $field = $name -creplace '\A--', ''
            if ($name -cnotlike '--*' -or $options.Keys -cnotcontains $field) { Die 2 "Cannot read the options: `"$($Arguments[$index])`" is none" '--help' }
            if ($options[$field] -is [bool]) {
                if ($null -ne $value) { Die 2 "Cannot read the options: `"$($Arguments[$index])`" is none" '--help' }
                $options[$field] = $true
                continue
            }
            if ($null -eq $value) {
                $index++
                if ($index -ge $Arguments.Count) { Die 2 "Cannot read the options: `"$name`" lacks its value" '--help' }
                $value = $Arguments[$index]
            }
            $options[$field] = $value
        }
        if ($options['script-agent'] -and ($options['binary'] -or $options['binary-url'])) { Die 2 'Cannot install two agents: --script-agent excludes --binary and --binary-url' '--help' }
        if ($options['binary'] -and $options['binary-url']) { Die 2 'Cannot install two agents: --binary excludes --binary-url' '--help' }
        $options['sha256'] = $options['sha256'].ToLowerInvariant()
        if ($options['sha256'] -and $options['sha256'] -cnotmatch '\A[0-9a-f]{64}\z') { Die 2 'Cannot read "--sha256": 64 hexadecimal digits are wanted' '--help' }
        return $options
    }

    function Read-Environment {
        $found = @{}
        foreach ($name in @([Environment]::GetEnvironmentVariables().Keys | Where-Object { $_ -like 'OPENCLAW_*' })) {
            $found[$name] = "$([Environment]::GetEnvironmentVariable($name))"
            # Kept from every process that is started from here, and given back in the end to the shell that it is of.
            # $null would be passed as an empty text, which leaves an empty variable from .NET 9 on.
            [Environment]::SetEnvironmentVariable($name, [NullString]::Value)
        }
        return $found
    }

    # The URL without what follows the host that we add ourselves, or nothing.
    function Get-CheckedUrl {
        param([string] $Url)
        while ($Url -cmatch '(/|/functions/v1)\z') { $Url = $Url.Substring(0, $Url.Length - $Matches[1].Length) }
        # Refused: all but what RFC 3986 lets stand in a URL, and a user, a query and a fragment.
        if ($Url -cnotmatch '\A[\]A-Za-z0-9:/._~%!$&''()*+,;=\[-]+\z') { return $null }
        $loopback = 'http://(localhost|\[::1\]|127(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3})'
        $secure = 'https://([A-Za-z0-9][^:/\[\]]*|\[[0-9A-Fa-f:.]+\])'
        if ($Url -cmatch "\A($loopback|$secure)(:[0-9]{0,5})?(/.*)?\z") { return $Url }
        return $null
    }

    function Get-Sha256 {
        param([byte[]] $Bytes)
        $sha = [Security.Cryptography.SHA256]::Create()
        try { return [BitConverter]::ToString($sha.ComputeHash($Bytes)).Replace('-', '').ToLowerInvariant() } finally { $sha.Dispose() }
    }

    function Get-Sum {
        param([string] $Sums, [string] $Name)
        foreach ($line in $Sums -split '\r?\n') {
            if ($line -cmatch '\A([0-9a-f]{64}) [ *](\S+)\z' -and $Matches[2] -ceq $Name) { return $Matches[1] }
        }
        return ''
    }

    # Files are looked for by .NET: elsewhere than on Windows, PowerShell's own take a backslash in a name for a slash.
    function Test-There {
        param([string] $Path)
        return [IO.File]::Exists($Path) -or [IO.Directory]::Exists($Path)
    }

    function Get-Parent {
        param([string] $Path)
        return [IO.Path]::GetDirectoryName($Path)
    }

    # The path as it is from where the user stands, which .NET does not know.
    function Get-FullPath {
        param([string] $Path)
        if ($Path -cmatch '\A~[/\\]') { $Path = "$HOME$($Path.Substring(1))" }
        return [IO.Path]::Combine($PWD.ProviderPath, $Path)
    }

    # Whether one of the first five lines says that an installer wrote the file.
    function Test-Marked {
        param([string] $Path)
        $buffer = New-Object byte[] 4096
        try {
            $file = [IO.File]::OpenRead($Path)
            try { $length = $file.Read($buffer, 0, $buffer.Length) } finally { $file.Dispose() }
        }
        catch { return $false }
        $lines = [Text.Encoding]::ASCII.GetString($buffer, 0, $length).Split("`n")
        return "$($lines | Select-Object -First 5)" -clike '*Written by openclaw*'
    }

    function ConvertTo-Escaped {
        param([string] $Words)
        return $Words.Replace('\', '\\').Replace('"', '\"')
    }

    # Runs a program and says whether it succeeded; what it prints is for the person at the terminal.
    function Test-RunAloud {
        param([string] $Program, [string[]] $With)
        $ErrorActionPreference = 'Continue'
        try { & $Program @With 2>&1 | ForEach-Object { Say "$_" } } catch { return $false }
        return $LASTEXITCODE -eq 0
    }

    # Runs a program and says whether it succeeded; what it prints is dropped.
    function Test-Run {
        param([string] $Program, [string[]] $With)
        $ErrorActionPreference = 'Continue'
        try { & $Program @With 2>&1 | Out-Null } catch { return $false }
        return $LASTEXITCODE -eq 0
    }

    function Assert-Host {
        if ($env:OS -ne 'Windows_NT') {
            foreach ($tool in 'uname', 'chmod', 'test') {
                if (-not (Get-Command $tool -CommandType Application -ErrorAction SilentlyContinue)) { Die 1 "Cannot install: `"$tool`" is missing" 'install it' }
            }
        }
        $platform = Get-Platform
        if (-not $platform.Os -or -not $platform.Arch) { Die 1 "Cannot install: the platform `"$($platform.Name)`" is not known" 'report it with the output of "uname -a"' }
        # As the files of a release are named.
        $names = @{ 'x86_64' = 'x64'; 'aarch64' = 'arm64' }
        $arch = $platform.Arch
        if ($names.ContainsKey($arch)) { $arch = $names[$arch] }
        $place.Platform = "$($platform.Os)-$arch"
        $place.IsWindows = $platform.Os -eq 'windows'
        if ($place.IsWindows) {
            if (-not $env:APPDATA -or -not $env:LOCALAPPDATA) { Die 2 'Cannot install: APPDATA is not an absolute path' 'set APPDATA to that folder of this user' }
        }
        elseif (-not "$env:HOME".StartsWith('/')) { Die 2 'Cannot install: HOME is not an absolute path' 'set HOME to the home folder of this user' }
        elseif ("$env:HOME$env:XDG_CONFIG_HOME" -match '[\x00-\x1f\x7f]') { Die 2 'Cannot install: HOME has a control character' 'set HOME to the home folder of this user' }
        foreach ($path in "$env:HOME", "$env:XDG_CONFIG_HOME") {
            # What .NET puts in the place of bytes that it cannot read.
            if (-not $place.IsWindows -and $path.Contains([string][char]0xfffd)) { Die 2 "Cannot install into `"$path`": a path in UTF-8 is wanted" 'set HOME to the home folder of this user' }
        }
    }

    # Where everything goes. Elsewhere than on Windows the other two installers make the services.
    function Select-Places {
        $place.State = Get-State
        $place.Credentials = [IO.Path]::Combine($place.State, 'credentials.json')
        $place.Manifest = [IO.Path]::Combine($place.State, 'install.json')
        $place.Service = 'none'
        if ($place.IsWindows -and -not $options['no-service']) { $place.Service = 'task' }
        Select-Kind
        $place.Program = Get-ProgramPath $place.Kind
        if (-not $place.IsWindows -and $place.Kind -eq 'script' -and $place.Program.Contains('\') -and -not $options['uninstall']) {
            Die 2 "Cannot install into `"$env:HOME`": PowerShell cannot start a script that has a backslash in its path" 'set HOME to another folder, or take the installer for sh'
        }
        Set-ServicePlace $place.Service
    }

    # Windows tells by a name's end what it can start.
    function Get-ProgramPath {
        param([string] $Kind)
        if (-not $place.IsWindows) { return "$env:HOME/.local/bin/openclaw" }
        $extension = 'ps1'
        if ($Kind -eq 'binary') { $extension = 'exe' }
        return [IO.Path]::Combine($env:LOCALAPPDATA, 'openclaw', "openclaw.$extension")
    }

    # Whether the program is a binary: asked for, or released for this platform, or in place already.
    function Select-Kind {
        $place.Kind = 'script'
        $place.BinaryUrl = $options['binary-url']
        if ($options['script-agent'] -or $options['uninstall']) { return }
        $name = "openclaw-$($place.Platform)"
        if ($place.IsWindows) { $name += '.exe' }
        if ($options['binary'] -or $options['binary-url']) { $place.Kind = 'binary' }
        elseif ($BinaryFolder -and (Get-Sum $BinarySums $name)) {
            $place.Kind = 'binary'
            $place.BinaryUrl = "$BinaryFolder/$name"
        }
        else {
            $manifest = Read-Manifest
            $installed = Get-ProgramPath 'binary'
            $place.IsKept = $manifest.Kind -ceq 'binary' -and $manifest.Files -ccontains $installed -and (Test-Run $installed '--version')
            if ($place.IsKept) { $place.Kind = 'binary' }
        }
    }

    function Set-ServicePlace {
        param([string] $Service)
        $place.Service = $Service
        $place.ServiceFile = ''
        if ($Service -eq 'task') { $place.ServiceFile = [IO.Path]::Combine($place.State, 'task.xml') }
    }

    function Get-Files { return @($place.Manifest, $place.Credentials, $place.Program, $place.ServiceFile) | Where-Object { $_ } }

    # Id and secret come from one layer together: flags, environment, this file, or what is installed already.
    function Select-Credentials {
        param([hashtable] $Given)
        $installed = $null
        if (Test-There $place.Credentials) {
            $installed = Read-Credentials $place.Credentials
            if ($null -eq $installed) { Die 5 "Cannot install: `"$($place.Credentials)`" is there and holds no credentials" 'move it away' }
        }
        $place.Installed = $installed
        $id = ''
        $secret = ''
        if ($options['agent-id'] -or $options['agent-secret-file']) {
            $id = $options['agent-id']
            if ($options['agent-secret-file']) { $secret = Read-SecretFile $options['agent-secret-file'] }
            Assert-Pair $id $secret '--agent-id and --agent-secret-file'
        }
        elseif ($Given['OPENCLAW_AGENT_ID'] -or $Given['OPENCLAW_AGENT_SECRET'] -or $Given['OPENCLAW_AGENT_SECRET_FILE']) {
            $id = $Given['OPENCLAW_AGENT_ID']
            $secret = $Given['OPENCLAW_AGENT_SECRET']
            if ($secret -and $Given['OPENCLAW_AGENT_SECRET_FILE']) {
                Die 2 'Cannot tell which secret to use: both OPENCLAW_AGENT_SECRET_FILE and OPENCLAW_AGENT_SECRET are given' 'unset OPENCLAW_AGENT_SECRET'
            }
            if ($Given['OPENCLAW_AGENT_SECRET_FILE']) { $secret = Read-SecretFile $Given['OPENCLAW_AGENT_SECRET_FILE'] }
            Assert-Pair $id $secret 'OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET'
        }
        elseif ($BakedAgentId) { $id = $BakedAgentId; $secret = $BakedAgentSecret }
        elseif ($installed) { $id = $installed.Id; $secret = $installed.Secret }
        else { Die 2 'Cannot install: no agent is named' 'give --url, --agent-id and --agent-secret-file, or OPENCLAW_URL, OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET' }
        $url = @($options['url'], $Given['OPENCLAW_URL'], $BakedUrl, $(if ($installed) { $installed.Url })) | Where-Object { $_ } | Select-Object -First 1
        if (-not $url) { Die 2 'Cannot install: no server is named' 'give --url or OPENCLAW_URL' }
        $url = Get-CheckedUrl $url
        if (-not $url) { Die 2 'Cannot use the URL: it is neither https nor a loopback address' '--url https://fleet.example.com' }
        # Windows' editors put a byte order mark before a text.
        $id = $id.TrimStart([char]0xFEFF).Trim().ToLowerInvariant()
        $secret = $secret.TrimStart([char]0xFEFF).Trim()
        Assert-Identity $id $secret
        $place.Identity = @{ Url = $url; Id = $id; Secret = $secret }
    }

    function Assert-Pair {
        param([string] $Id, [string] $Secret, [string] $Names)
        if (-not $Id -or -not $Secret) { Die 2 "Cannot install: $Names are given together" 'give both, or neither' }
    }

    function Read-SecretFile {
        param([string] $Path)
        # Not by Get-Content: the strings of 5.1's remember where they come from, and ConvertTo-Json tells it.
        try { $text = [IO.File]::ReadAllText((Get-FullPath $Path)) }
        catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] { Die 4 "Cannot read `"$Path`": there is no such file" 'name a file that holds the secret' }
        catch { Die 3 "Cannot read `"$Path`": this user may not read it" 'name a file that holds the secret' }
        $line = ($text -split '\r?\n', 2)[0]
        if (-not $line.Trim()) { Die 2 "Cannot read `"$Path`": it is empty" 'name a file that holds the secret' }
        return $line
    }

    function Assert-Identity {
        param([string] $Id, [string] $Secret)
        if ($Id -cnotmatch '\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z') { Die 2 'Cannot use the agent id: it is not a UUID' '--agent-id 00000000-0000-4000-8000-000000000000' }
        if ($Secret.Length -ne 54) { Die 2 "Cannot use the agent secret: it has $($Secret.Length) characters, a secret has 54" 'copy it whole' }
        if ($Secret -cnotmatch '\Aocs_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}\z') { Die 2 'Cannot use the agent secret: it is not of the form "ocs_..._..."' 'copy it whole' }
        $sha = [Security.Cryptography.SHA256]::Create()
        try { $sum = $sha.ComputeHash([Text.Encoding]::ASCII.GetBytes($Secret.Substring(0, 47))) } finally { $sha.Dispose() }
        $check = [Convert]::ToBase64String($sum, 0, 4).Substring(0, 6).Replace('+', '-').Replace('/', '_')
        if ($Secret.Substring(48) -cne $check) { Die 2 'Cannot use the agent secret: its checksum does not fit: it was mistyped or cut' 'copy it whole' }
    }

    function Read-Manifest {
        $fields = $null
        try { $fields = Read-Object ([IO.File]::ReadAllText($place.Manifest)) }
        catch [IO.IOException], [UnauthorizedAccessException] { $fields = $null }
        $words = @('agent_id', 'program', 'service' | Where-Object { Get-Text $fields $_ })
        if ($words.Count -lt 3 -or -not (Test-Paths $fields 'files') -or -not (Test-Paths $fields 'folders')) {
            return @{ Service = ''; Kind = ''; Files = @(); Folders = @() }
        }
        return @{ Service = Get-Text $fields 'service'; Kind = Get-Text $fields 'program'; Files = @($fields.files); Folders = @($fields.folders) }
    }

    function Test-Paths {
        param($Fields, [string] $Name)
        $property = $Fields.PSObject.Properties[$Name]
        if ($null -eq $property -or $property.Value -isnot [array]) { return $false }
        return @($property.Value | Where-Object { $_ -isnot [string] -or -not $_ }).Count -eq 0
    }

    # A service left behind is not what anybody wants, nor another's in the place of ours.
    function Assert-Kind {
        $earlier = (Read-Manifest).Service
        if ($earlier -and $earlier -ne 'none' -and $earlier -ne $place.Service) { Die 5 "Cannot install: the installation that is there has the service `"$earlier`"" 'remove it first: --uninstall' }
        if ($place.Service -eq 'task' -and -not (Test-OwnTask)) { Die 5 'Cannot install: the task "openclaw" is there, of somebody else' 'schtasks /Query /TN openclaw /V /FO LIST' }
    }

    function Get-WindowsUser {
        $user = [Security.Principal.WindowsIdentity]::GetCurrent()
        return @{ Name = $user.Name; Sid = $user.User.Value }
    }

    # Whether the task, of which a machine has one, is not there, or an installer or the CLI wrote it for this user.
    function Test-OwnTask {
        $ErrorActionPreference = 'Continue'
        $lines = & schtasks /Query /TN openclaw /XML 2>$null
        # Asked once more: one whose description cannot be read is there all the same.
        if ($LASTEXITCODE -ne 0 -or -not $lines) { return -not (Test-Run 'schtasks' '/Query', '/TN', 'openclaw') }
        $xml = $lines -join "`n"
        $own = Get-WindowsUser
        $users = @([regex]::Matches($xml, '<UserId>([^<]*)</UserId>') | ForEach-Object { [Net.WebUtility]::HtmlDecode($_.Groups[1].Value) })
        return $xml -clike '*Written by openclaw*' -and ($users -contains $own.Name -or $users -contains $own.Sid)
    }

    function Assert-Installed {
        $installed = $place.Installed
        if ($null -eq $installed) { return }
        $wanted = $place.Identity
        if ($installed.Url -cne $wanted.Url -or $installed.Id -cne $wanted.Id -or $installed.Secret -cne $wanted.Secret) {
            Die 5 "Cannot install: `"$($place.Credentials)`" has other credentials, for the agent $($installed.Id)" 'remove that agent first: --uninstall'
        }
        Say 'this agent is installed already: repairing what is missing'
    }

    function Assert-File {
        param([string] $Path)
        if ((Test-There $Path) -and -not ([IO.File]::Exists($Path) -and ((Test-Marked $Path) -or (Read-Manifest).Files -ccontains $Path))) {
            Die 5 "Cannot install: `"$Path`" is there and was not written by openclaw" 'move it away'
        }
        Assert-Folder (Get-Parent $Path)
    }

    function Assert-Folder {
        param([string] $Folder)
        while (-not (Test-There $Folder)) { $Folder = Get-Parent $Folder }
        $probe = [IO.Path]::Combine($Folder, ".openclaw-$PID")
        $isWritable = [IO.Directory]::Exists($Folder)
        if ($isWritable -and $place.IsWindows) {
            # An access list does not tell; a file that is gone as soon as it is closed does.
            try { [IO.File]::Create($probe, 1, [IO.FileOptions]::DeleteOnClose).Dispose() } catch { $isWritable = $false }
        }
        elseif ($isWritable) { $isWritable = Test-Run 'test' '-w', $Folder }
        if (-not $isWritable) { Die 1 "Cannot install: the folder `"$Folder`" cannot be written to" 'run it as a user who may write there' }
    }

    function Assert-Places {
        Assert-Folder $place.State
        if (Test-There $place.Manifest) { Assert-File $place.Manifest }
        Assert-File $place.Program
        if ($place.ServiceFile) { Assert-File $place.ServiceFile }
        $other = Get-Command openclaw -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
        if ($other -and $other.Path -ne $place.Program) { Say "warning: another openclaw comes first in PATH: $($other.Path)" }
    }

    # Which program is installed, and what proves its origin.
    function Select-Program {
        $sums = ''
        if ($place.Kind -eq 'script' -or $place.IsKept) { return }
        if ($options['binary']) {
            $binary = Get-FullPath $options['binary']
            if (-not [IO.File]::Exists($binary)) { Die 4 "Cannot read `"$($options['binary'])`": there is no such file, or this user may not read it" 'name a program with --binary' }
            $place.BinaryName = [IO.Path]::GetFileName($binary)
            $beside = [IO.Path]::Combine((Get-Parent $binary), 'SHA256SUMS')
            if ([IO.File]::Exists($beside)) { $sums = [IO.File]::ReadAllText($beside) }
        }
        else {
            $url = Get-CheckedUrl $place.BinaryUrl
            if (-not $url) { Die 2 'Cannot use the binary URL: it is neither https nor a loopback address' '--binary-url https://example.com/openclaw' }
            $place.BinaryName = $url.Substring($url.LastIndexOf('/') + 1)
            if ($url.StartsWith('http://') -and -not $options['sha256']) { $sums = Get-Sums ($url.Substring(0, $url.LastIndexOf('/')) + '/SHA256SUMS') }
        }
        $place.Sha256 = @($options['sha256'], (Get-Sum $BinarySums $place.BinaryName), (Get-Sum $sums $place.BinaryName)) | Where-Object { $_ } | Select-Object -First 1
        if (-not $place.Sha256) { Die 2 "Cannot verify `"$($place.BinaryName)`": its SHA-256 is not known" 'give it with --sha256, from somewhere else than the program' }
    }

    function Get-Sums {
        param([string] $Url)
        $memory = New-Object IO.MemoryStream
        # Without it, its SHA-256 is not known, which is said then.
        try { Copy-Download $Url $memory 0 15 }
        catch {
            Assert-Untold $place.Watch
            return ''
        }
        return [Text.Encoding]::UTF8.GetString($memory.ToArray())
    }

    # Writes what is under the URL into the stream. Redirects are followed as long as they stay with the scheme. A
    # server may be silent for so many seconds.
    function Copy-Download {
        param([string] $Url, [IO.Stream] $To, [int] $Redirects, [int] $Seconds)
        $uri = New-Object Uri $Url
        for ($count = 0; $count -le $Redirects; $count++) {
            $request = [Net.HttpWebRequest][Net.WebRequest]::Create($uri)
            $request.AllowAutoRedirect = $false
            $request.KeepAlive = $false
            $request.Timeout = $Seconds * 1000
            $request.UserAgent = "openclaw/$Version (powershell)"
            Set-Proxy $request
            $clock = [Diagnostics.Stopwatch]::StartNew()
            $response = $null
            try {
                $response = Wait-Task $request.GetResponseAsync() $clock $Seconds $place.Watch
                if ([int]$response.StatusCode -lt 300) {
                    Copy-Body $response $To $Seconds
                    return
                }
                $uri = New-Object Uri $uri, "$($response.Headers['location'])"
            }
            finally {
                $request.Abort()
                if ($null -ne $response) { $response.Dispose() }
            }
            if (-not $Url.StartsWith("$($uri.Scheme)://")) { throw 'it redirects to another protocol' }
        }
        throw 'it redirects too often'
    }

    function Copy-Local {
        param([string] $Path, [IO.Stream] $To)
        $source = [IO.File]::OpenRead($Path)
        try {
            $buffer = New-Object byte[] 65536
            while ($true) {
                $length = $source.Read($buffer, 0, $buffer.Length)
                if ($length -eq 0) { break }
                try { $To.Write($buffer, 0, $length) } catch { throw 'openclaw cannot write' }
            }
        }
        finally { $source.Dispose() }
    }

    function Copy-Body {
        param($Response, [IO.Stream] $To, [int] $Seconds)
        $stream = $Response.GetResponseStream()
        $buffer = New-Object byte[] 65536
        $length = [long]0
        while ($true) {
            $clock = [Diagnostics.Stopwatch]::StartNew()
            $count = Wait-Task $stream.ReadAsync($buffer, 0, $buffer.Length) $clock $Seconds $place.Watch
            if ($count -eq 0) { break }
            try { $To.Write($buffer, 0, $count) } catch { throw 'openclaw cannot write' }
            $length += $count
        }
        $early = $Response.ContentLength - $length
        if ($early -gt 0) { throw "it ended $early bytes early" }
    }

    # Says how far this clock is from the server's, if that is more than a minute.
    function Get-Offset {
        param([string] $ServerTime)
        $moment = [datetimeoffset]::MinValue
        $style = [Globalization.DateTimeStyles]::AssumeUniversal
        if (-not [datetimeoffset]::TryParse($ServerTime, [Globalization.CultureInfo]::InvariantCulture, $style, [ref] $moment)) { return '' }
        $ahead = [long]([datetimeoffset]::UtcNow - $moment).TotalSeconds
        if ($ahead -gt 60) { return "this host's clock is $ahead s ahead of the server's" }
        if ($ahead -lt -60) { return "this host's clock is $(-$ahead) s behind the server's" }
        return ''
    }

    function Test-Credentials {
        $agent = New-Agent $place.Identity $Version $place.Watch
        $place.Agent = $agent
        $url = $agent.Url
        if (Open-Session $agent) {
            $late = Get-Offset "$(Get-Text $agent.Fields 'server_time')"
            if ($late) { Say "warning: $late" }
            $place.Name = Get-Shown $agent.Name
            Say "shook hands with $url as `"$($place.Name)`" ($($agent.Id))"
            return
        }
        if (Test-Refused $agent 'invalid_credentials') { Die 3 "Cannot shake hands with ${url}: the agent is unknown or revoked, or its secret is wrong" 'ask the operator of the server' }
        if (-not $agent.Failure) { Die 6 "Cannot shake hands with ${url}: $(Get-WhatCame $agent)" 'check the URL, and the proxies on the way' }
        if ($agent.IsTls) {
            $late = Get-Offset (Get-DateOfServer $url)
            if ($late) { Die 6 "Cannot shake hands with ${url}: TLS fails, and $late" 'set the clock of this host' }
            $hint = 'check the certificate; SSL_CERT_FILE names further authorities'
            if ($place.IsWindows) { $hint = "check the certificate; Windows' own store names the authorities, and SSL_CERT_FILE is not read" }
            Die 6 "Cannot shake hands with ${url}: TLS fails: $($agent.Failure)" $hint
        }
        Die 6 "Cannot reach ${url}: $($agent.Failure)" 'check the URL, the network and the proxy'
    }

    # Nothing secret is sent: only the time is asked for, of whoever answers.
    function Get-DateOfServer {
        param([string] $Url)
        $response = $null
        try {
            # Compiled: a script block has no runspace in the thread that asks it.
            $kinds = [object], [Security.Cryptography.X509Certificates.X509Certificate], [Security.Cryptography.X509Certificates.X509Chain], [Net.Security.SslPolicyErrors]
            $parameters = [Linq.Expressions.ParameterExpression[]]@($kinds | ForEach-Object { [Linq.Expressions.Expression]::Parameter($_) })
            $yes = [Linq.Expressions.Expression]::Constant($true)
            $request = [Net.HttpWebRequest][Net.WebRequest]::Create("$Url/functions/v1/health")
            $request.AllowAutoRedirect = $false
            $request.Timeout = 15000
            Set-Proxy $request
            $request.ServerCertificateValidationCallback = [Linq.Expressions.Expression]::Lambda([Net.Security.RemoteCertificateValidationCallback], $yes, $parameters).Compile()
            $response = Wait-Task $request.GetResponseAsync() ([Diagnostics.Stopwatch]::StartNew()) 15 $place.Watch
            return "$($response.Headers['date'])"
        }
        catch {
            Assert-Untold $place.Watch
            return ''
        }
        finally { if ($null -ne $response) { $response.Dispose() } }
    }

    # From here on things are touched. What is done is noted, and undone if a step fails, the last first.

    function Give-Up {
        param([int] $Code, [string] $What, [string] $Hint)
        # What fails because it was told to stop is an interruption, and is undone as one.
        Assert-Untold $place.Watch
        Undo-All
        Die $Code $What $Hint
    }

    function Undo-All {
        if ($place.IsUndone) { return }
        $place.IsUndone = $true
        for ($index = $place.Undo.Count - 1; $index -ge 0; $index--) {
            # Nothing more can be done about a step back that fails.
            $step = $place.Undo[$index]
            try { & $step } catch { Say "warning: $(Get-Cause $_.Exception)" }
        }
        Say 'what was done has been undone'
    }

    function New-Folder {
        param([string] $Folder)
        Assert-Untold $place.Watch
        if ([IO.Directory]::Exists($Folder)) { return }
        New-Folder (Get-Parent $Folder)
        $place.Undo.Add({ if ([IO.Directory]::Exists($Folder)) { [IO.Directory]::Delete($Folder) } }.GetNewClosure())
        try { [void][IO.Directory]::CreateDirectory($Folder) }
        catch { Give-Up 1 "Cannot make the folder `"$Folder`"" 'look at the disk and its permissions' }
        if (-not $place.IsWindows) { chmod 700 $Folder }
    }

    # Writes the file, whole or not at all. Says nothing if it is there already.
    function Write-Whole {
        param([string] $Path, [string] $Mode, [byte[]] $Bytes)
        $new = "$Path.openclaw-new"
        try {
            Open-Way $Path
            $file = New-Object IO.FileStream $new, 'CreateNew', 'Write'
            try {
                if (-not $place.IsWindows) { chmod 600 $new }
                $file.Write($Bytes, 0, $Bytes.Length)
                $file.Flush($true)
            }
            finally { $file.Dispose() }
            if (-not $place.IsWindows) { chmod $Mode $new }
        }
        catch { Stop-Writing $Path }
        Move-IntoPlace $Path
    }

    # Nobody else calls a file so: what has these endings is what a run left that was killed. It is noted before
    # there is anything, so that an interruption at any moment leaves nothing.
    function Open-Way {
        param([string] $Path)
        Assert-Untold $place.Watch
        Remove-Rests $Path
        $place.Undo.Add({ foreach ($rest in "$Path.openclaw-new", "$Path.openclaw-new.exe") { if ([IO.File]::Exists($rest)) { [IO.File]::Delete($rest) } } }.GetNewClosure())
    }

    function Remove-Rests {
        param([string] $Path)
        Remove-Files "$Path.openclaw-new", "$Path.openclaw-new.exe", "$Path.openclaw-old"
    }

    function Stop-Writing {
        param([string] $Path)
        Give-Up 1 "Cannot write `"$Path`"" 'look at the disk and its permissions'
    }

    function Move-IntoPlace {
        param([string] $Path)
        $new = "$Path.openclaw-new"
        try {
            if (-not (Test-There $Path)) {
                $place.Undo.Add({ if ([IO.File]::Exists($Path)) { [IO.File]::Delete($Path) } }.GetNewClosure())
                [IO.File]::Move($new, $Path)
            }
            elseif ((Get-Sha256 ([IO.File]::ReadAllBytes($Path))) -eq (Get-Sha256 ([IO.File]::ReadAllBytes($new)))) {
                Remove-Files $new
                return
            }
            else {
                # Windows writes over no program that runs.
                if ($Path -ceq $place.Program -and $place.Service -eq 'task') { [void](Test-Run 'schtasks' '/End', '/TN', 'openclaw') }
                Add-Backup $Path
                [IO.File]::Replace($new, $Path, "$Path.openclaw-old", $true)
            }
        }
        catch { Stop-Writing $Path }
        $place.Changed = $true
        Say "wrote $Path"
    }

    function Add-Backup {
        param([string] $Path)
        $place.Backups.Add("$Path.openclaw-old")
        $place.Undo.Add({
            if ([IO.File]::Exists("$Path.openclaw-old")) {
                if ([IO.File]::Exists($Path)) { [IO.File]::Delete($Path) }
                [IO.File]::Move("$Path.openclaw-old", $Path)
            }
        }.GetNewClosure())
    }

    # A manifest lists one name alone, so what could not be removed of a former program is looked for by name.
    function Get-ProgramRests {
        $folder = Get-Parent $place.Program
        foreach ($name in 'openclaw', 'openclaw.exe', 'openclaw.py', 'openclaw.ps1') {
            foreach ($end in '.openclaw-new', '.openclaw-new.exe', '.openclaw-old') { [IO.Path]::Combine($folder, "$name$end") }
        }
    }

    # Of another kind or language, it has another name on Windows, and nobody would know it any more.
    function Remove-Former {
        param([string[]] $Files)
        $folder = Get-Parent $place.Program
        foreach ($file in $Files) {
            if ($file -ceq $place.Program -or (Get-Parent $file) -cne $folder -or -not (Test-There $file)) { continue }
            try {
                Remove-Rests $file
                Add-Backup $file
                [IO.File]::Move($file, "$file.openclaw-old")
            }
            catch { Stop-Writing $file }
        }
    }

    function Remove-Files {
        param([string[]] $Paths)
        foreach ($path in $Paths) { if (Test-There $path) { [IO.File]::Delete($path) } }
    }

    # The folders that the installation makes: those that are not there yet, and those of an earlier run.
    function Get-PlannedFolders {
        $folders = New-Object 'Collections.Generic.List[string]'
        foreach ($folder in (Read-Manifest).Folders) { $folders.Add($folder) }
        foreach ($file in Get-Files) {
            $folder = Get-Parent $file
            while (-not (Test-There $folder) -or $folder -ceq $place.State) {
                if (-not $folders.Contains($folder)) { $folders.Add($folder) }
                $folder = Get-Parent $folder
            }
        }
        # The deepest first: so they can be removed in this order.
        $folders.Sort([StringComparer]::Ordinal)
        $folders.Reverse()
        return $folders
    }

    function Get-ManifestText {
        param($Folders)
        $identity = $place.Identity
        $lines = @("  `"written_by`": `"Written by openclaw`"", "  `"version`": `"$Version`"", "  `"url`": `"$($identity.Url)`"", "  `"agent_id`": `"$($identity.Id)`"",
            "  `"program`": `"$($place.Kind)`"", "  `"service`": `"$($place.Service)`"")
        $files = @($place.Credentials, $place.Program, $place.ServiceFile, $place.Manifest) | Where-Object { $_ }
        $lines += Get-List 'files' $files
        $lines += Get-List 'folders' $Folders
        return "{`n" + ($lines -join ",`n") + "`n}`n"
    }

    function Get-List {
        param([string] $Name, $Paths)
        $lines = @($Paths | ForEach-Object { '    "' + (ConvertTo-Escaped $_) + '"' }) -join ",`n"
        return "  `"$Name`": [`n$lines`n  ]"
    }

    function Get-CredentialsText {
        $identity = $place.Identity
        return "{`n  `"version`": 1,`n  `"url`": `"$($identity.Url)`",`n  `"agent_id`": `"$($identity.Id)`",`n  `"agent_secret`": `"$($identity.Secret)`"`n}`n"
    }

    function ConvertTo-Bytes {
        param([string] $Text)
        return , (New-Object Text.UTF8Encoding $false).GetBytes($Text)
    }

    function Write-Program {
        if ($place.IsKept) { return }
        if ($place.Kind -eq 'script') {
            Write-Whole $place.Program '755' (ConvertTo-Bytes (Get-ProgramText))
            return
        }
        $new = "$($place.Program).openclaw-new"
        # Windows starts what is called .exe alone, so the try takes that name.
        if ($place.IsWindows) { $new = "$new.exe" }
        try { Open-Way $place.Program } catch { Stop-Writing $place.Program }
        Get-Binary $new
        $sum = Get-Sha256 ([IO.File]::ReadAllBytes($new))
        if ($sum -cne $place.Sha256) { Give-Up 1 "Cannot verify `"$($place.BinaryName)`": its SHA-256 is $sum, $($place.Sha256) is wanted" 'fetch it again; if that does not help, tell its publisher' }
        if (-not $place.IsWindows) { chmod 755 $new }
        if (-not (Test-Run $new '--version')) { Give-Up 1 "Cannot run `"$($place.BinaryName)`" on $($place.Platform)" 'install the agent that needs no binary: --script-agent' }
        if ($place.IsWindows) {
            try { [IO.File]::Move($new, "$($place.Program).openclaw-new") } catch { Stop-Writing $place.Program }
        }
        Move-IntoPlace $place.Program
    }

    function Get-Binary {
        param([string] $New)
        $problem = ''
        try {
            $file = New-Object IO.FileStream $New, 'CreateNew', 'Write'
            try {
                try {
                    if ($options['binary']) { Copy-Local (Get-FullPath $options['binary']) $file }
                    else { Copy-Download $place.BinaryUrl $file 10 60 }
                }
                catch {
                    $problem = Get-Cause $_.Exception
                    throw
                }
                $file.Flush($true)
            }
            finally { $file.Dispose() }
        }
        catch {
            if ($problem -and $problem -ne 'openclaw cannot write') {
                if ($options['binary']) { Give-Up 1 "Cannot read `"$($place.BinaryName)`": it breaks off" 'look at the disk that it is on' }
                Give-Up 6 "Cannot fetch `"$($place.BinaryName)`": $problem" 'check the URL, the network and the proxy'
            }
            Stop-Writing $place.Program
        }
    }

    function Protect-State {
        $state = $place.State
        if (-not $place.IsWindows) {
            # Before PowerShell 7.3 nothing tells it, and the folder stays private.
            $reading = [IO.File].GetMethod('GetUnixFileMode', [type[]]@([string]))
            if ($null -ne $reading) {
                $mode = [Convert]::ToString([int]$reading.Invoke($null, @($state)), 8)
                $place.Undo.Add({ chmod $mode $state }.GetNewClosure())
            }
            chmod 700 $state
            return
        }
        # One that an installer has protected stays so.
        if (-not $place.Earlier.Service) { $place.Undo.Add({ icacls $state /reset 2>&1 | Out-Null }.GetNewClosure()) }
        $own = (Get-WindowsUser).Sid
        if (-not (Test-Run 'icacls' $state, '/inheritance:r', '/grant:r', "*${own}:(OI)(CI)F", '*S-1-5-18:(OI)(CI)F')) { Stop-Writing $state }
    }

    function Get-TaskText {
        $command = $place.Program
        $arguments = 'monitor'
        if ($place.Kind -eq 'script') {
            # Windows' own, which every user has, in the same place after each update.
            $command = [IO.Path]::Combine("$env:SystemRoot", 'System32\WindowsPowerShell\v1.0\powershell.exe')
            if (-not (Test-There $command)) { $command = [IO.Path]::Combine($PSHOME, 'pwsh.exe') }
            $arguments = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -WindowStyle Hidden -File `"$($place.Program)`" monitor"
        }
        $values = @{ '@COMMAND@' = $command; '@ARGUMENTS@' = $arguments; '@USER@' = (Get-WindowsUser).Name }
        $text = $task
        foreach ($name in $values.Keys) { $text = $text.Replace($name, $values[$name].Replace('&', '&amp;').Replace('<', '&lt;').Replace('>', '&gt;')) }
        return $text.Replace("`r`n", "`n").Replace("`n", "`r`n") + "`r`n"
    }

    $task = @'
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Written by openclaw. The installer's --uninstall removes it.</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>@USER@</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>@USER@</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Enabled>true</Enabled>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>@COMMAND@</Command>
      <Arguments>@ARGUMENTS@</Arguments>
    </Exec>
  </Actions>
</Task>
'@

    function Start-Task {
        [void](Test-Run 'schtasks' '/End', '/TN', 'openclaw')
        return (Test-RunAloud 'schtasks' '/Create', '/F', '/TN', 'openclaw', '/XML', $place.ServiceFile) -and (Test-RunAloud 'schtasks' '/Run', '/TN', 'openclaw')
    }

    function Stop-Task {
        [void](Test-Run 'schtasks' '/End', '/TN', 'openclaw')
        [void](Test-Run 'schtasks' '/Delete', '/F', '/TN', 'openclaw')
    }

    # What the server makes of the agent: liveness, and when it was last seen.
    function Get-Seen {
        if (-not (Send-Request $place.Agent 'heartbeat' $null)) { return $null }
        $shown = Get-Field $place.Agent.Fields 'agent'
        return @{ Liveness = "$(Get-Text $shown 'liveness')"; At = "$(Get-Text $shown 'last_seen_at')" }
    }

    # Whether the service lacks what this shell has.
    function Test-Environment {
        return $place.Service -ne 'none' -and [bool]"$env:HTTPS_PROXY$env:SSL_CERT_FILE"
    }

    $ofEnvironment = 'the service does not see HTTPS_PROXY and SSL_CERT_FILE of this shell: set them for it, too'

    function Wait-Online {
        $agent = $place.Agent
        $before = Get-Seen
        if ($null -eq $before) { Give-Up 6 "Cannot see the agent at $($agent.Url): $(Get-WhatCame $agent)" 'try again later' }
        $seenBefore = $before.At
        $hint = 'install without: --no-service'
        if ($place.Service -eq 'none') {
            if (-not (Send-Beat $agent 'healthy')) { Give-Up 6 "Cannot send a heartbeat to $($agent.Url): $(Get-WhatCame $agent)" 'try again later' }
            $seenBefore = 'none'
        }
        elseif ($place.Changed -or -not (Test-Run 'schtasks' '/Query', '/TN', 'openclaw')) {
            $place.Undo.Add({ Stop-Task })
            if (Test-Environment) {
                Say $ofEnvironment
                $hint = "$ofEnvironment, or $hint"
            }
            if (-not (Start-Task)) { Give-Up 1 "Cannot start the service `"$($place.Service)`"" "look at what it printed above, or $hint" }
        }
        else { $seenBefore = 'none' }
        $seen = $null
        for ($try = 0; $try -lt 30; $try++) {
            $seen = Get-Seen
            if ($seen -and $seen.Liveness -eq 'online' -and $seen.At -ne $seenBefore) {
                Say "the server calls `"$($place.Name)`" online"
                return
            }
            Wait-Seconds 1 $place.Watch
        }
        $liveness = ''
        if ($seen) { $liveness = $seen.Liveness }
        Give-Up 1 "Cannot see the agent online: the server says `"$liveness`"" "look at the log of the service, or $hint"
    }

    # Without a terminal, who started this has decided.
    function Confirm-Step {
        param([string] $Question)
        if ($options['yes'] -or [Console]::IsInputRedirected -or -not [Environment]::UserInteractive) { return }
        if ((Read-Host "$Question [y/N]") -notlike 'y*') { Die 1 'Cannot go on: the answer was no' '' }
    }

    function Install-Agent {
        param([hashtable] $Given)
        Select-Credentials $Given
        Assert-Kind
        Assert-Installed
        Assert-Places
        Select-Program
        Test-Credentials
        if ($options['dry-run']) {
            foreach ($file in Get-Files) { Answer "would write $file" }
            return
        }
        Confirm-Step "Install the agent `"$($place.Name)`" to $($place.Program)?"
        $folders = @(Get-PlannedFolders)
        $place.Earlier = Read-Manifest
        $isDone = $false
        $isInterrupted = $true
        try {
            # A service that is there already runs again in the end, with the files that it had.
            if ($place.Service -ne 'none' -and $place.Earlier.Service -eq $place.Service) { $place.Undo.Add({ [void](Start-Task) }) }
            # The manifest comes first: whatever ends this run, what it wrote is known to the next one.
            New-Folder $place.State
            Protect-State
            Write-Whole $place.Manifest '600' (ConvertTo-Bytes (Get-ManifestText $folders))
            foreach ($file in Get-Files) { New-Folder (Get-Parent $file) }
            foreach ($rest in Get-ProgramRests) {
                # It still runs. Where its place is not needed now, the next run, and --uninstall, will.
                try { Remove-Files $rest } catch { Say "warning: $(Get-Cause $_.Exception)" }
            }
            Write-Whole $place.Credentials '600' (ConvertTo-Bytes (Get-CredentialsText))
            Write-Program
            if ($place.Service -eq 'task') { Write-Whole $place.ServiceFile '600' ([byte[]](255, 254) + [Text.Encoding]::Unicode.GetBytes((Get-TaskText))) }
            Remove-Former $place.Earlier.Files
            Wait-Online
            $isDone = $true
        }
        catch {
            if ("$_" -ceq 'openclaw was told to stop') { throw }
            $isInterrupted = $false
            # What nobody foresaw is undone like the rest.
            if ("$_" -notmatch '^openclaw ends with \d+$') { Give-Up 1 "Cannot go on: $(Get-Cause $_.Exception)" '' }
            throw
        }
        finally {
            if (-not $isDone) { Undo-All }
            # Ctrl-C is no error that a catch would see.
            if (-not $isDone -and $isInterrupted) { Say $ofInterruption }
        }
        # What cannot be removed yet, the next run and --uninstall will.
        try { Remove-Files $place.Backups } catch { Say "warning: $(Get-Cause $_.Exception)" }
        Write-Report
    }

    function Write-Report {
        if (-not $place.Changed) { Answer 'nothing had to be changed' }
        foreach ($file in Get-Files) { Answer "installed $file" }
        Answer 'to undo it: run this installer again with --uninstall'
        if ($place.Service -eq 'none') {
            $start = "`"$($place.Program)`" monitor"
            if ($place.IsWindows -and $place.Kind -eq 'script') { $start = "powershell -NoProfile -ExecutionPolicy Bypass -File $start" }
            elseif ($place.IsWindows) { $start = "& $start" }
            Answer "to start the agent: $start"
            if (-not $options['no-service']) { Answer 'there is no systemd or launchd here: have it started at boot by what there is' }
        }
        elseif (Test-Environment) { Answer $ofEnvironment }
        $own = $ownFile
        if (-not $BakedAgentSecret -or -not $own) { return }
        $isWanted = $options['yes']
        if (-not $isWanted -and -not [Console]::IsInputRedirected -and [Environment]::UserInteractive) {
            $isWanted = (Read-Host "Delete `"$own`", which holds the secret? [y/N]") -like 'y*'
        }
        if ($isWanted) {
            Remove-Files $own
            Answer "deleted `"$own`", which held the secret"
        }
        else { Answer "delete `"$own`": it holds the secret" }
    }

    function Uninstall-Agent {
        if (-not (Test-Marked $place.Manifest)) { Die 4 "Cannot uninstall: there is no `"$($place.Manifest)`" of openclaw" 'run it as the user who installed it' }
        $manifest = Read-Manifest
        if ('none', 'systemd-system', 'systemd-user', 'launchd', 'task' -cnotcontains $manifest.Service -or $manifest.Files -cnotcontains $place.Manifest) {
            Die 5 "Cannot read the manifest `"$($place.Manifest)`": it is not as an installer wrote it" 'look at it, and move it away if it is not wanted'
        }
        Set-ServicePlace $manifest.Service
        if ($place.IsWindows) {
            $named = $manifest.Files | Where-Object { 'openclaw.exe', 'openclaw.ps1', 'openclaw.py' -contains [IO.Path]::GetFileName($_) } | Select-Object -First 1
            if ($named) { $place.Program = [IO.Path]::Combine((Get-Parent $place.Program), [IO.Path]::GetFileName($named)) }
        }
        Assert-Manifest $manifest
        foreach ($file in $manifest.Files) {
            # What stands in a folder may be removed by whoever may write to the folder. An access list does not tell.
            if (-not $place.IsWindows -and (Test-There $file) -and -not (Test-Run 'test' '-w', (Get-Parent $file))) { Stop-Removing $file }
        }
        if ($options['dry-run']) {
            foreach ($file in $manifest.Files) { Answer "would remove $file" }
            return
        }
        if ($place.Service -eq 'task' -and -not (Test-OwnTask)) { Die 5 'Cannot uninstall: the task "openclaw" is of somebody else' 'schtasks /Query /TN openclaw /V /FO LIST' }
        Confirm-Step "Remove the agent from $($place.State)?"
        if ($place.Service -eq 'task') {
            Stop-Task
            if (Test-Run 'schtasks' '/Query', '/TN', 'openclaw') {
                Die 1 "Cannot stop the service `"$($place.Service)`": it still runs, or cannot be asked" 'stop it, then run the installer again with --uninstall'
            }
        }
        Send-Goodbye
        # The manifest is the last of them: until then, a run that failed or was interrupted can be repeated.
        foreach ($file in @($manifest.Files | Where-Object { $_ -cne $place.Manifest }) + $place.Manifest) {
            if ($file -ceq $place.Manifest) {
                foreach ($rest in Get-ProgramRests) { try { Remove-Files $rest } catch { Stop-Removing $rest } }
            }
            try {
                Remove-Files $file
                Remove-Rests $file
            }
            catch { Stop-Removing $file }
        }
        foreach ($folder in $manifest.Folders) {
            # What somebody else has something in stays.
            try { [IO.Directory]::Delete($folder) } catch [IO.IOException], [UnauthorizedAccessException] { continue }
        }
        foreach ($file in $manifest.Files) { Answer "removed $file" }
        if ($place.Service -eq 'none') { Answer 'an agent that was started by hand goes on: end it, too' }
    }

    function Stop-Removing {
        param([string] $Path)
        Die 1 "Cannot remove `"$Path`": this user may not" 'run it as the user who installed it, or as root'
    }

    # Nothing is removed but what an installer writes, whatever the manifest lists.
    function Assert-Manifest {
        param([hashtable] $Manifest)
        $files = @(Get-Files)
        $separator = [IO.Path]::DirectorySeparatorChar
        $bad = @($Manifest.Files | Where-Object { $files -cnotcontains $_ })
        foreach ($folder in $Manifest.Folders) {
            if (-not ($files | Where-Object { $_.StartsWith("$folder$separator", [StringComparison]::Ordinal) })) { $bad += $folder }
        }
        if ($bad.Count -gt 0) { Die 5 "Cannot uninstall: `"$($place.Manifest)`" lists what no installer writes: $bad " 'remove it by hand' }
    }

    function Send-Goodbye {
        $credentials = $null
        if (Test-There $place.Credentials) { $credentials = Read-Credentials $place.Credentials }
        $url = ''
        if ($credentials) {
            $url = $credentials.Url
            $agent = New-Agent $credentials $Version $place.Watch
            if ((Open-Session $agent) -and (Send-Beat $agent 'stopping')) {
                Say "told $url that the agent stops"
                return
            }
        }
        Say "warning: $url was not told that the agent stops"
    }

    $place = @{ Undo = New-Object 'Collections.Generic.List[scriptblock]'; Backups = New-Object 'Collections.Generic.List[string]'; Changed = $false; IsUndone = $false; IsKept = $false; Sha256 = ''; BinaryName = ''; Watch = Start-Watch }
    $given = Read-Environment
    try {
        $options = Read-Arguments @($Arguments | Where-Object { $null -ne $_ })
        if ($options['help']) { Answer $usage }
        elseif ($options['version']) { Answer $Version }
        else {
            Enable-Tls
            Assert-Host
            Select-Places
            if ($options['uninstall']) { Uninstall-Agent } else { Install-Agent $given }
        }
        $code = 0
    }
    catch {
        $code = 1
        if ("$_" -match '^openclaw ends with (\d+)$') { $code = [int]$Matches[1] }
        elseif ("$_" -cne 'openclaw was told to stop') { Say "error: Cannot go on: $(Get-Cause $_.Exception)" }
        elseif (-not $place.IsUndone) { Say $ofInterruption }
    }
    finally {
        Stop-Watch $place.Watch
        foreach ($name in $given.Keys) { [Environment]::SetEnvironmentVariable($name, $given[$name]) }
    }
    # Read from a pipe, an exit would take the user's own shell along.
    if ($ownFile) { exit $code }
    $global:LASTEXITCODE = $code
}

if ($true) { Install-OpenClaw $args }
