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
        Write-Host 'error: Cannot install: this PowerShell runs in a restricted language mode, and the full language is expected'
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

    # The endings of what is not in its place yet, and of what had its place. No other program calls a file so.
    $NewEnd = '.openclaw-new'
    $OldEnd = '.openclaw-old'
    # The second name: ours only as a link to our program, on Windows as a script that starts it.
    $ShortName = 'openclaw'
    $AnotherName = '--name fleet-agent, which takes another name for all that is installed'

    # The agent, and what the installer shares with it: kept as text, so that the one can write down the other.
    $AgentText = @'
@agents/agent.ps1@
'@
    $AgentText = $AgentText.Replace("`r`n", "`n") + "`n"
    . ([scriptblock]::Create($AgentText.Substring(0, $AgentText.LastIndexOf("`n# The installer takes"))))

    $usage = @'
Installs the openclaw agent on this host, and shakes hands with its server.

Usage: install.ps1 [options]

@texts/usage.txt@
'@

    $ofInterruption = 'error: Cannot go on: it was interrupted'

    # What this ends with is told to the server, too, where a code is used.
    function Die {
        param([int] $Code, [string] $What, [string] $Hint)
        Say "error: $What"
        if ($Hint) { Say "hint: $Hint" }
        Send-Failure $What
        throw "openclaw ends with $Code"
    }

    function Answer {
        param([string] $Words)
        try { [Console]::Out.WriteLine($Words) } catch [IO.IOException] { return }
    }

    function Read-Arguments {
        param([string[]] $Arguments)
        $options = @{ 'url' = ''; 'agent-id' = ''; 'agent-secret-file' = ''; 'enrollment-code-file' = ''; 'binary' = ''; 'binary-url' = ''; 'sha256' = ''
            'name' = ''; 'second-name' = $false; 'no-second-name' = $false
            # $null is not given; an empty one takes away what an earlier installation has.
            'watch' = $null; 'probe-url' = $null; 'status-command' = $null; 'metrics-command' = $null
            'script-agent' = $false; 'no-service' = $false; 'uninstall' = $false; 'dry-run' = $false; 'yes' = $false; 'help' = $false; 'version' = $false }
        for ($index = 0; $index -lt $Arguments.Count; $index++) {
            $name, $value = $Arguments[$index].Split([char[]]'=', 2)
            $field = $name -creplace '\A--', ''
            if ($name -cnotlike '--*' -or $options.Keys -cnotcontains $field) { Die 2 "Cannot read the options: unknown option `"$($Arguments[$index])`"" '--help' }
            if ($options[$field] -is [bool]) {
                if ($null -ne $value) { Die 2 "Cannot read the options: unknown option `"$($Arguments[$index])`"" '--help' }
                $options[$field] = $true
                continue
            }
            if ($null -eq $value) {
                $index++
                if ($index -ge $Arguments.Count) { Die 2 "Cannot read the options: `"$name`" lacks its value" '--help' }
                $value = $Arguments[$index]
            }
            if ($field -ceq 'name' -and -not $value) { $value = 'openclaw' }
            $options[$field] = $value
        }
        if ($options['script-agent'] -and ($options['binary'] -or $options['binary-url'])) { Die 2 'Cannot install two agents: --script-agent excludes --binary and --binary-url' '--help' }
        if ($options['binary'] -and $options['binary-url']) { Die 2 'Cannot install two agents: --binary excludes --binary-url' '--help' }
        [void](Get-Watched "$($options['watch'])" "$($options['probe-url'])")
        if ("$($options['status-command'])$($options['metrics-command'])" -match '[\x00-\x1f\x7f]') { Die 2 'Cannot keep a command for the service: it has a control character' '--status-command C:\check.exe' }
        $options['sha256'] = $options['sha256'].ToLowerInvariant()
        if ($options['sha256'] -and $options['sha256'] -cnotmatch '\A[0-9a-f]{64}\z') { Die 2 'Cannot read "--sha256": 64 hexadecimal digits are expected' '--help' }
        return $options
    }

    function Read-Environment {
        $found = @{}
        foreach ($name in @([Environment]::GetEnvironmentVariables().Keys | Where-Object { $_ -like 'OPENCLAW_*' -or $SecretNames -contains $_ })) {
            $found[$name] = "$([Environment]::GetEnvironmentVariable($name))"
            # A secret is kept from every process that is started from here, and given back in the end to the shell that it is of.
            # $null would be passed as an empty text, which leaves an empty variable from .NET 9 on.
            if ($SecretNames -contains $name) { [Environment]::SetEnvironmentVariable($name, [NullString]::Value) }
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

    function ConvertTo-Hex {
        param([byte[]] $Bytes)
        return [BitConverter]::ToString($Bytes).Replace('-', '').ToLowerInvariant()
    }

    function Get-Sha256 {
        param([byte[]] $Bytes)
        $sha = [Security.Cryptography.SHA256]::Create()
        try { return ConvertTo-Hex $sha.ComputeHash($Bytes) } finally { $sha.Dispose() }
    }

    # The SHA-256 of a file in hex, or an empty text: no link is followed.
    function Get-FileSha256 {
        param([string] $Path)
        if (-not (Test-File $Path)) { return '' }
        $sha = [Security.Cryptography.SHA256]::Create()
        $file = [IO.File]::OpenRead($Path)
        try { return ConvertTo-Hex $sha.ComputeHash($file) }
        finally {
            $file.Dispose()
            $sha.Dispose()
        }
    }

    # Whether it is a file, and no link.
    function Test-File {
        param([string] $Path)
        return [IO.File]::Exists($Path) -and -not ([IO.File]::GetAttributes($Path) -band [IO.FileAttributes]::ReparsePoint)
    }

    # Whether the file is this user's, no link, and no other user may write to it. On Windows it is in this user's folder.
    function Test-Own {
        param([string] $Path)
        if (-not (Test-File $Path)) { return $false }
        if ($place.IsWindows) { return $true }
        return "$(ls -ld $Path)" -cmatch '\A-.{4}-.{2}-' -and (Test-Run 'test' '-O', $Path)
    }

    function Get-Sum {
        param([string] $Sums, [string] $Name)
        foreach ($line in $Sums.TrimStart([char]0xFEFF) -split '\r?\n') {
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

    function ConvertTo-Escaped {
        param([string] $Words)
        return $Words.Replace('\', '\\').Replace('"', '\"')
    }

    # Runs a program, and returns its exit code. It reads the line; what it prints is for the person at the terminal.
    function Invoke-Program {
        param([string] $Program, [string[]] $With, [string] $Line)
        $ErrorActionPreference = 'Continue'
        $OutputEncoding = New-Object Text.ASCIIEncoding
        try { $Line | & $Program @With 2>&1 | ForEach-Object { Say "$_" } }
        catch {
            Say "$_"
            return 1
        }
        return $LASTEXITCODE
    }

    function Test-RunAloud {
        param([string] $Program, [string[]] $With)
        return (Invoke-Program $Program $With '') -eq 0
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
            foreach ($tool in 'uname', 'chmod', 'test', 'ls') {
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
        $place.IsLinux = $platform.Os -eq 'linux'
        if ($place.IsWindows) {
            if (-not $env:APPDATA -or -not $env:LOCALAPPDATA) { Die 2 'Cannot install: APPDATA is not an absolute path' 'set APPDATA to that folder of this user' }
        }
        elseif (-not "$env:HOME".StartsWith('/')) { Die 2 'Cannot install: HOME is not an absolute path' 'set HOME to the home folder of this user' }
        foreach ($name in 'HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME') {
            $value = [Environment]::GetEnvironmentVariable($name)
            if (-not $place.IsWindows -and "$value" -match '[\x00-\x1f\x7f]') { Die 2 "Cannot install: $name has a control character" "set $name to a folder of this user" }
        }
        foreach ($path in "$env:HOME", "$env:XDG_CONFIG_HOME") {
            # What .NET puts in the place of bytes that it cannot read.
            if (-not $place.IsWindows -and $path.Contains([string][char]0xfffd)) { Die 2 "Cannot install into `"$path`": a path in UTF-8 is expected" 'set HOME to the home folder of this user' }
        }
    }

    # One spelling of the user's folders, without links, "//" and a "/" at the end: paths are compared as text.
    function Set-RealFolders {
        if ($place.IsWindows) { return }
        foreach ($name in @('HOME') + $usualFolders.Keys) {
            $given = "$([Environment]::GetEnvironmentVariable($name))"
            if (-not $given.StartsWith('/')) { continue }
            $real = & /bin/sh -c 'cd -P "$1" 2>/dev/null && pwd -P' sh $given
            if ($LASTEXITCODE -ne 0) { $real = $given -replace '(.)/+\z', '$1' }
            $real = "$real" -replace '/+', '/'
            if ($real -ceq $given) { continue }
            $spelled[$name] = $given
            [Environment]::SetEnvironmentVariable($name, $real)
        }
    }

    # Where everything goes. Elsewhere than on Windows the other two installers make the services.
    function Select-Places {
        $place.State = Get-State
        $place.Credentials = [IO.Path]::Combine($place.State, 'credentials.json')
        $place.Manifest = [IO.Path]::Combine($place.State, 'install.json')
        $place.Enrollment = [IO.Path]::Combine($place.State, 'enrollment-id')
        $place.Session = Get-SessionPath
        $place.Log = [IO.Path]::Combine($place.State, 'openclaw.log')
        $place.Service = 'none'
        if ($place.IsWindows -and -not $options['no-service']) { $place.Service = 'task' }
        Select-Kind
        $place.Program = Get-ProgramPath $place.Kind
        if (-not $place.IsWindows -and $place.Kind -eq 'script' -and $place.Program.Contains('\') -and -not $options['uninstall']) {
            Die 2 "Cannot install into `"$env:HOME`": PowerShell cannot start a script that has a backslash in its path" 'set HOME to another folder, or take the installer for sh'
        }
        Set-ServicePlace $place.Service
    }

    # Where the program keeps its session. The XDG Base Directory Specification has a relative path passed over.
    function Get-SessionPath {
        if (-not $place.IsLinux) { return [IO.Path]::Combine($place.State, 'session.json') }
        if ("$env:XDG_STATE_HOME".StartsWith('/')) { return "$env:XDG_STATE_HOME/$NameOnHost/session.json" }
        return "$env:HOME/.local/state/$NameOnHost/session.json"
    }

    # Windows tells by a name's end what it can start.
    function Get-ProgramPath {
        param([string] $Kind)
        if (-not $place.IsWindows) { return "$env:HOME/.local/bin/$NameOnHost" }
        $extension = 'ps1'
        if ($Kind -eq 'binary') { $extension = 'exe' }
        return [IO.Path]::Combine($env:LOCALAPPDATA, $NameOnHost, "$NameOnHost.$extension")
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
            $installed = Get-ProgramPath 'binary'
            $place.IsKept = (Read-Manifest).Kind -ceq 'binary' -and (Test-Trusted $installed)
            if ($place.IsKept) {
                $place.Kind = 'binary'
                $place.Sha256 = Get-FileSha256 $installed
            }
        }
    }

    # Whether it is the program that the manifest lists, no other user may change it, and it starts.
    function Test-Trusted {
        param([string] $Program)
        return (Test-Own $Program) -and (Test-Ours $Program) -and (Test-Run $Program '--version')
    }

    function Set-ServicePlace {
        param([string] $Service)
        $place.Service = $Service
        $place.ServiceFile = ''
        if ($Service -eq 'task') { $place.ServiceFile = [IO.Path]::Combine($place.State, 'task.xml') }
    }

    function Get-Files { return @($place.Manifest, $place.Credentials, $place.Program, $place.ServiceFile) | Where-Object { $_ } }

    # Id and secret, or a code in their place, come from one layer together: flags, environment, this file, or what is
    # installed already.
    function Select-Credentials {
        param([hashtable] $Given)
        $installed = $null
        if (Test-There $place.Credentials) {
            $installed = Read-Credentials $place.Credentials
            if ($null -eq $installed) { Die 5 "Cannot install: `"$($place.Credentials)`" is there and holds no credentials" 'move it away' }
        }
        $place.Installed = $installed
        $place.Newer = $null
        if ($installed) { $place.Newer = Read-Newer $installed.Url }
        $id = ''
        $secret = ''
        $code = ''
        $codeFile = ''
        if ($options['agent-id'] -or $options['agent-secret-file'] -or $options['enrollment-code-file']) {
            $id = $options['agent-id']
            $codeFile = $options['enrollment-code-file']
            Assert-One "$id$($options['agent-secret-file'])" $codeFile '--agent-id and --agent-secret-file' '--enrollment-code-file'
            if ($options['agent-secret-file']) { $secret = Read-SecretFile $options['agent-secret-file'] 'secret' }
            if (-not $codeFile) { Assert-Pair $id $secret '--agent-id and --agent-secret-file' }
        }
        elseif (Test-Given $Given) {
            $id = "$($Given['OPENCLAW_AGENT_ID'])"
            $secret = "$($Given['OPENCLAW_AGENT_SECRET'])"
            $code = "$($Given['OPENCLAW_ENROLLMENT_CODE'])"
            $codeFile = "$($Given['OPENCLAW_ENROLLMENT_CODE_FILE'])"
            $secretFile = "$($Given['OPENCLAW_AGENT_SECRET_FILE'])"
            Assert-One "$id$secret$secretFile" "$code$codeFile" 'OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET' 'OPENCLAW_ENROLLMENT_CODE'
            Assert-NoFile $secret $secretFile 'secret' 'OPENCLAW_AGENT_SECRET'
            Assert-NoFile $code $codeFile 'code' 'OPENCLAW_ENROLLMENT_CODE'
            if ($secretFile) { $secret = Read-SecretFile $secretFile 'secret' }
            if (-not "$code$codeFile") { Assert-Pair $id $secret 'OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET' }
        }
        elseif ($BakedAgentId) { $id = $BakedAgentId; $secret = $BakedAgentSecret }
        elseif ($installed) { $id = $installed.Id; $secret = $installed.Secret }
        else { Die 2 'Cannot install: no agent is named' 'give --url, --agent-id and --agent-secret-file, or OPENCLAW_URL, OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET, or --enrollment-code-file' }
        if ($installed -and "$code$codeFile") {
            Say "this host is enrolled already, as the agent $($installed.Id): the enrollment code is not used"
            $code = ''
            $codeFile = ''
            $id = $installed.Id
            $secret = $installed.Secret
        }
        $url = @($options['url'], $Given['OPENCLAW_URL'], $BakedUrl, $(if ($installed) { $installed.Url })) | Where-Object { $_ } | Select-Object -First 1
        if (-not $url) { Die 2 'Cannot install: no server is named' 'give --url or OPENCLAW_URL' }
        $url = Get-CheckedUrl $url
        if (-not $url) { Die 2 'Cannot use the URL: it is neither https nor a loopback address' '--url https://fleet.example.com' }
        if ($codeFile) { $code = Read-SecretFile $codeFile 'code' }
        # Windows' editors put a byte order mark before a text.
        $id = $id.TrimStart([char]0xFEFF).Trim().ToLowerInvariant()
        $secret = $secret.TrimStart([char]0xFEFF).Trim()
        $place.Code = $code.TrimStart([char]0xFEFF).Trim()
        if ($code) { Assert-Form $place.Code 'oce' 'enrollment code' 'code' } else { Assert-Identity $id $secret }
        $place.Identity = @{ Url = $url; Id = $id; Secret = $secret }
    }

    # The second identity in the credentials file, or nothing. A program that was ended in the middle of a rotation leaves
    # two: the server may take either.
    function Read-Newer {
        param([string] $Url)
        $fields = Read-Object ([IO.File]::ReadAllText($place.Credentials))
        $found = @{ Url = $Url; Id = "$(Get-Text $fields 'next_agent_id')"; Secret = "$(Get-Text $fields 'next_agent_secret')" }
        if ($found.Id -cnotmatch $Uuid -or $found.Secret -cnotmatch "\Aocs$SecretBody") { return $null }
        return $found
    }

    # Whether the environment says anything of the agent.
    function Test-Given {
        param([hashtable] $Given)
        $names = 'OPENCLAW_AGENT_ID', 'OPENCLAW_AGENT_SECRET', 'OPENCLAW_AGENT_SECRET_FILE', 'OPENCLAW_ENROLLMENT_CODE', 'OPENCLAW_ENROLLMENT_CODE_FILE'
        return @($names | Where-Object { $Given[$_] }).Count -gt 0
    }

    function Assert-Pair {
        param([string] $Id, [string] $Secret, [string] $Names)
        if (-not $Id -or -not $Secret) { Die 2 "Cannot install: $Names are given together" 'give both, or neither' }
    }

    function Assert-One {
        param([string] $OfAgent, [string] $OfCode, [string] $Names, [string] $Name)
        if ($OfAgent -and $OfCode) { Die 2 "Cannot tell which agent this is: both $Name and $Names are given" 'give an agent, or a code' }
    }

    function Assert-NoFile {
        param([string] $Text, [string] $File, [string] $What, [string] $Name)
        if ($Text -and $File) { Die 2 "Cannot tell which $What to use: both ${Name}_FILE and $Name are given" "unset $Name" }
    }

    # The first line of the file, which holds a secret or a code; for a code, a dash is standard input.
    function Read-SecretFile {
        param([string] $Path, [string] $What)
        $hint = "name a file that holds the $What"
        if ($Path -ceq '-' -and $What -ceq 'code') {
            if (-not [Console]::IsInputRedirected) { Die 2 'Cannot read the code from standard input: it is a terminal, which would show it' $hint }
            $line = "$([Console]::In.ReadLine())"
            if (-not $line.Trim()) { Die 2 'Cannot read the code from standard input: it is empty' $hint }
            return $line
        }
        $full = Get-FullPath $Path
        # Not by Get-Content: the strings of 5.1's remember where they come from, and ConvertTo-Json tells it.
        try { $text = [IO.File]::ReadAllText($full) }
        catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] { Die 4 "Cannot read `"$Path`": there is no such file" $hint }
        catch { Die 3 "Cannot read `"$Path`": this user may not read it" $hint }
        if ($What -ceq 'code' -and -not $place.IsWindows -and "$(ls -ldL $full)" -cmatch '\A-(?!.{3}-{6})') { Say "warning: `"$Path`" is open to other users: chmod 600 it" }
        $line = ($text -split '\r?\n', 2)[0]
        if (-not $line.Trim()) { Die 2 "Cannot read `"$Path`": it is empty" $hint }
        return $line
    }

    function Assert-Identity {
        param([string] $Id, [string] $Secret)
        if ($Id -cnotmatch $Uuid) { Die 2 'Cannot use the agent id: it is not a UUID' '--agent-id 00000000-0000-4000-8000-000000000000' }
        Assert-Form $Secret 'ocs' 'agent secret' 'secret'
    }

    $Uuid = '\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\z'
    # What a secret and a code have after their prefix.
    $SecretBody = '_[A-Za-z0-9_-]{43}_[A-Za-z0-9_-]{6}\z'

    # Whether the text is built as a secret is, after its prefix.
    function Assert-Form {
        param([string] $Text, [string] $Prefix, [string] $Name, [string] $Short)
        if ($Text.Length -ne 54) { Die 2 "Cannot use the ${Name}: it has $($Text.Length) characters, a $Short has 54" 'copy it whole' }
        if ($Text -cnotmatch "\A$Prefix$SecretBody") { Die 2 "Cannot use the ${Name}: it is not of the form `"${Prefix}_..._...`"" 'copy it whole' }
        $sha = [Security.Cryptography.SHA256]::Create()
        try { $sum = $sha.ComputeHash([Text.Encoding]::ASCII.GetBytes($Text.Substring(0, 47))) } finally { $sha.Dispose() }
        if ($Text.Substring(48) -cne (ConvertTo-Base64Url $sum[0..3])) { Die 2 "Cannot use the ${Name}: its checksum does not fit: it was mistyped or cut" 'copy it whole' }
    }

    function ConvertTo-Base64Url {
        param([byte[]] $Bytes)
        return [Convert]::ToBase64String($Bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_')
    }

    # The manifest's fields, all empty if there is no manifest that this user may trust. It is read once, as it is
    # before anything is written: each start of "ls" and "test" takes its time.
    function Read-Manifest {
        if ($null -eq $place.Listed) { $place.Listed = Read-ManifestFile }
        return $place.Listed
    }

    function Read-ManifestFile {
        $fields = $null
        try { if (Test-Own $place.Manifest) { $fields = Read-Object ([IO.File]::ReadAllText($place.Manifest)) } }
        catch [IO.IOException], [UnauthorizedAccessException] { $fields = $null }
        $service = Get-Text $fields 'service'
        $files = Read-Hashes (Get-Field $fields 'files')
        $isWhole = $files.Count -gt 0 -and $services -ccontains $service -and $null -ne (Get-Text $fields 'agent_id') -and $null -ne (Get-Text $fields 'program')
        if (-not $isWhole -or -not (Test-Texts $fields 'folders')) { return @{ Service = ''; Kind = ''; Files = New-Table; Folders = @() } }
        return @{ Service = $service; Kind = Get-Text $fields 'program'; Files = $files; Folders = @($fields.folders) }
    }

    $services = 'none', 'systemd-system', 'systemd-user', 'launchd', 'task'

    # Names tell upper from lower case, and keep their order.
    function New-Table { return New-Object Collections.Specialized.OrderedDictionary ([StringComparer]::Ordinal) }

    # The hashes of each file, or $null for what changes; an empty table if they are not as an installer writes them.
    function Read-Hashes {
        param($Files)
        $found = New-Table
        if ($Files -isnot [Management.Automation.PSCustomObject]) { return $found }
        foreach ($file in $Files.PSObject.Properties) {
            $isFit = $null -eq $file.Value -or ($file.Value -is [string] -and $file.Value -cmatch '\A[0-9a-f]{64}( [0-9a-f]{64})*\z')
            if (-not $isFit) { return New-Table }
            $found[$file.Name] = $file.Value
        }
        return $found
    }

    function Test-Texts {
        param($Fields, [string] $Name)
        $property = $Fields.PSObject.Properties[$Name]
        if ($null -eq $property -or $property.Value -isnot [array]) { return $false }
        return @($property.Value | Where-Object { $_ -isnot [string] }).Count -eq 0
    }

    # Whether the manifest, if there is one, is to be believed.
    function Assert-Readable {
        if (-not (Test-There $place.Manifest)) { return }
        $hint = 'look at it, and move it away if it is not needed'
        if (-not (Test-Own $place.Manifest)) { Die 5 "Cannot use the manifest `"$($place.Manifest)`": another user may have written it" $hint }
        if ((Read-Manifest).Files.Count -eq 0) { Die 5 "Cannot read the manifest `"$($place.Manifest)`": it is not as an installer wrote it" $hint }
    }

    # Whether the file is as the manifest lists it.
    function Test-Ours {
        param([string] $Path)
        return Test-Listed $Path (Read-Manifest).Files[$Path]
    }

    function Test-Listed {
        param([string] $Path, [string] $Hashes)
        $sum = Get-FileSha256 $Path
        return $sum -ne '' -and $Hashes.Split(' ') -ccontains $sum
    }

    # A second installation, or a service left behind, would be a surprise.
    function Assert-Kind {
        Assert-Readable
        $earlier = (Read-Manifest).Service
        if ($earlier -and $earlier -ne 'none' -and $earlier -ne $place.Service) { Die 5 "Cannot install: the installation that is there has the service `"$earlier`"" 'remove it first: --uninstall' }
        if ($place.Service -eq 'task' -and -not (Test-OwnTask)) { Die 5 "Cannot install: the task `"$TaskName`" is there, of another user or program" "schtasks /Query /TN $TaskName /V /FO LIST" }
    }

    function Get-WindowsUser {
        $user = [Security.Principal.WindowsIdentity]::GetCurrent()
        return @{ Name = $user.Name; Sid = $user.User.Value }
    }

    # Whether the task, of which a machine has one, is not there, or an installer or the CLI wrote it for this user.
    function Test-OwnTask {
        $ErrorActionPreference = 'Continue'
        $lines = & schtasks /Query /TN $TaskName /XML 2>$null
        # Asked once more: one whose description cannot be read is there all the same.
        if ($LASTEXITCODE -ne 0 -or -not $lines) { return -not (Test-Run 'schtasks' '/Query', '/TN', $TaskName) }
        $xml = $lines -join "`n"
        $own = Get-WindowsUser
        $users = @([regex]::Matches($xml, '<UserId>([^<]*)</UserId>') | ForEach-Object { [Net.WebUtility]::HtmlDecode($_.Groups[1].Value) })
        return $xml -clike '*Written by openclaw*' -and ($users -contains $own.Name -or $users -contains $own.Sid)
    }

    function Assert-Installed {
        $installed = $place.Installed
        if ($null -eq $installed) { return }
        $wanted = $place.Identity
        $same = @($installed, $place.Newer) | Where-Object { $_ -and $_.Url -ceq $wanted.Url -and $_.Id -ceq $wanted.Id -and $_.Secret -ceq $wanted.Secret }
        if (-not $same) { Die 5 "Cannot install: `"$($place.Credentials)`" has other credentials, for the agent $($installed.Id)" 'remove that agent first: --uninstall' }
        Say 'this agent is installed already: repairing what is missing'
    }

    function Assert-File {
        param([string] $Path)
        if ((Test-There $Path) -and -not (Test-Ours $Path)) {
            Die 5 "Cannot install: `"$Path`" is there and this installer did not write it: $(Get-Whose $Path)" $AnotherName
        }
        Assert-Folder (Get-Parent $Path)
    }

    # Whose a file seems to be, in words.
    function Get-Whose {
        param([string] $Path)
        # Windows PowerShell knows no target, and npm makes no links on Windows.
        $target = ''
        $link = [IO.FileInfo].GetProperty('LinkTarget')
        if ($null -ne $link) { $target = "$($link.GetValue((New-Object IO.FileInfo $Path)))" }
        if ($target -match '[/\\]node_modules[/\\]openclaw[/\\]') { return "npm's openclaw" }
        if ($target) { return "a link to `"$(Get-Shown $target)`"" }
        if ($place.IsWindows) { return "$((Get-Acl -LiteralPath $Path).Owner)'s" }
        return "user $((-split "$(ls -ldn $Path)")[2])'s"
    }

    # A first installation takes no folder in which another program keeps something.
    function Assert-Free {
        param([string] $Folder)
        if ((Test-There $place.Manifest) -or -not [IO.Directory]::Exists($Folder)) { return }
        $ours = '\A(((credentials|session|install)\.json|enrollment-id)(\..*)?|environment|task\.xml|monitor-.*\.lock|openclaw\.log(\.[123])?)\z'
        foreach ($path in [IO.Directory]::GetFileSystemEntries($Folder)) {
            $name = [IO.Path]::GetFileName($path)
            if ($name -cnotmatch $ours) { Die 5 "Cannot install: `"$Folder`" has files of another program: $(Get-Shown $name), $(Get-Whose $path)" $AnotherName }
        }
    }

    function Get-SecondPath {
        $end = ''
        if ($place.IsWindows) { $end = '.cmd' }
        return [IO.Path]::Combine((Get-Parent $place.Program), "$ShortName$end")
    }

    # What starts the program by its second name on Windows, where a link needs rights that a user has not.
    function Get-Shim {
        $file = [IO.Path]::GetFileName($place.Program)
        if ($place.Kind -eq 'binary') { return "@`"%~dp0$file`" %*`r`n" }
        return "@powershell -NoProfile -ExecutionPolicy Bypass -File `"%~dp0$file`" %*`r`n"
    }

    function Test-Second {
        $path = Get-SecondPath
        if (-not (Test-There $path)) { return $false }
        if ($place.IsWindows) { return [IO.File]::ReadAllText($path) -cmatch "\A@.*%~dp0$([regex]::Escape($NameOnHost))\.\w+`" %\*\r\n\z" }
        return "$(ls -ld $path)".EndsWith(" -> $([IO.Path]::GetFileName($place.Program))")
    }

    # The first file of the short name that is not ours: on the PATH, or beside the program.
    function Get-Other {
        $ends = @('')
        if ($place.IsWindows) { $ends = '.exe', '.cmd', '.bat', '.ps1' }
        foreach ($folder in @("$env:PATH".Split([IO.Path]::PathSeparator)) + (Get-Parent $place.Program)) {
            foreach ($end in $ends) {
                if (-not $folder) { continue }
                $path = [IO.Path]::Combine($folder, "$ShortName$end")
                if ((Test-There $path) -and -not ($path -ceq (Get-SecondPath) -and (Test-Second))) { return $path }
            }
        }
        return ''
    }

    # The short name, where somebody asks for it and nobody else has it.
    function Complete-SecondName {
        $other = Get-Other
        $program = [IO.Path]::GetFileName($place.Program)
        $isWanted = $options['second-name']
        if ($other) { Say "`"$other`" is another program's ($(Get-Whose $other)): it stays, and this agent is only `"$program`"" }
        elseif (-not $isWanted -and -not $options['no-second-name'] -and $place.IsFirst -and -not $options['yes'] -and -not [Console]::IsInputRedirected -and [Environment]::UserInteractive) {
            $isWanted = (Read-Host "May it be called `"$ShortName`", too? [y/N]") -like 'y*'
        }
        if ($options['no-second-name']) { Remove-SecondName }
        elseif ($isWanted -and -not $other -and -not (Test-Second)) {
            try {
                if ($place.IsWindows) { [IO.File]::WriteAllText((Get-SecondPath), (Get-Shim)) }
                else {
                    $said = ln -s $program (Get-SecondPath) 2>&1
                    if ($LASTEXITCODE -ne 0) { Say "warning: $said" }
                }
            }
            catch { Say "warning: $(Get-Cause $_.Exception)" }
        }
    }

    function Remove-SecondName {
        if (Test-Second) { Remove-Part (Get-SecondPath) }
    }

    function Assert-Folder {
        param([string] $Folder)
        $Folder = Get-FirstThere $Folder
        if (-not (Test-Writable $Folder)) { Die 1 "Cannot install: the folder `"$Folder`" cannot be written to" 'run it as a user who may write there' }
    }

    # The folder, or the first one above it that is there.
    function Get-FirstThere {
        param([string] $Folder)
        while (-not (Test-There $Folder)) { $Folder = Get-Parent $Folder }
        return $Folder
    }

    function Test-Writable {
        param([string] $Folder)
        if (-not [IO.Directory]::Exists($Folder)) { return $false }
        if (-not $place.IsWindows) { return Test-Run 'test' '-w', $Folder }
        # An access list does not tell; a file that is gone as soon as it is closed does.
        try { [IO.File]::Create([IO.Path]::Combine($Folder, ".$NameOnHost-$PID"), 1, [IO.FileOptions]::DeleteOnClose).Dispose() } catch { return $false }
        return $true
    }

    # A code is worth as many agents as it has uses: a host that would forget its own with the next start has no place to
    # enroll.
    function Assert-Lasting {
        $folder = Get-FirstThere $place.State
        $fault = 'it cannot be written to'
        if (Test-Writable $folder) { $fault = Get-Transience $folder }
        if ($fault) { Die 2 "Cannot enroll: `"$($place.State)`" is no place that lasts: $fault" "mount a volume there: docker run -v openclaw-agent:$($place.State) ..." }
    }

    # What keeps the folder's files from being there after the next start; nothing, where that is not known.
    function Get-Transience {
        param([string] $Folder)
        $kind = Get-FileSystem $Folder
        if ($kind -cin 'tmpfs', 'ramfs') { return 'it is in memory, and gone after the next start' }
        if ($kind -ceq 'overlay' -and (Test-Container)) { return "it is in the container's own file system, and goes with the container" }
        return ''
    }

    # The type of the innermost mount that holds the folder, by proc(5); of several at one place, the last one counts. Only
    # Linux tells it.
    function Get-FileSystem {
        param([string] $Folder)
        $mounts = '/proc/self/mountinfo'
        if ($place.IsWindows -or -not [IO.File]::Exists($mounts)) { return '' }
        $real = & /bin/sh -c 'cd -P "$1" && pwd -P' sh $Folder
        $longest = ''
        $kind = ''
        foreach ($line in [IO.File]::ReadAllLines($mounts)) {
            $words = $line.Split(' ')
            # A space, a tab, a line break and a backslash are written as three octal digits.
            $point = [regex]::Replace($words[4], '\\([0-7]{3})', { param($found) [string][char][Convert]::ToInt32($found.Groups[1].Value, 8) })
            $isAbove = $point -ceq '/' -or $real -ceq $point -or "$real".StartsWith("$point/", [StringComparison]::Ordinal)
            if (-not $isAbove -or $point.Length -lt $longest.Length) { continue }
            $longest = $point
            $kind = $words[[Array]::IndexOf($words, '-', 6) + 1]
        }
        return $kind
    }

    # By the marks that Docker, Podman and Kubernetes put into one.
    function Test-Container {
        return "$env:KUBERNETES_SERVICE_HOST" -ne '' -or (Test-There '/.dockerenv') -or (Test-There '/run/.containerenv')
    }

    function Assert-Places {
        if ($place.Code) { Assert-Lasting }
        Assert-Folder $place.State
        Assert-Free $place.State
        Assert-Free (Get-Parent $place.Session)
        Assert-File $place.Program
        if ($place.ServiceFile) { Assert-File $place.ServiceFile }
    }

    # What the small agent watches: what is asked for now, else what the service that is there has. The words of the
    # options: each in two, since PowerShell parts a word that begins with a dash at its first colon.
    function Select-Watched {
        $before = @{}
        if ($place.Kind -eq 'script') {
            if ($options['status-command'] -or $options['metrics-command']) { Die 2 'Cannot keep a command for the small agent: it knows --watch and --probe-url only' 'install the program: --binary <file>' }
            $before = Get-WatchedBefore
            foreach ($name in 'status-command', 'metrics-command', 'rotate-every', 'progress-file', 'back-in') {
                if ($before[$name]) { Say "warning: the small agent has no --$name, which the service that is there has" }
            }
        }
        foreach ($name in 'watch', 'probe-url', 'status-command', 'metrics-command') {
            $value = $options[$name]
            if ($null -eq $value -and $name -cnotlike '*-command') { $value = $before[$name] }
            # To the program goes an empty one, too: it knows what the service has.
            if ($value -or ($null -ne $value -and $place.Kind -eq 'binary')) { $place.Watched += @("--$name", $value) }
        }
    }

    # The options in the task's definition, if it is ours, as an installer or the program wrote them.
    function Get-WatchedBefore {
        $found = @{}
        if (-not $place.ServiceFile -or -not (Test-Ours $place.ServiceFile)) { return $found }
        $text = [IO.File]::ReadAllText($place.ServiceFile)
        foreach ($name in 'watch', 'probe-url', 'status-command', 'metrics-command', 'rotate-every', 'progress-file', 'back-in') {
            if ($text -cmatch "`"--$name(?:=|`" `")([^`"<]*)`"") { $found[$name] = $Matches[1].Replace('&lt;', '<').Replace('&gt;', '>').Replace('&amp;', '&') }
        }
        return $found
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
            $request.UserAgent = $UserAgent
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
                Stop-Request $request
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
        if ($place.Newer) { $place.Identity = $place.Newer }
        $isGreeted = Test-Identity
        if (-not $isGreeted -and $place.Newer -and (Test-Refused $place.Agent 'invalid_credentials')) {
            # The identity beside which there is a newer one, as the program does.
            $place.Identity = $place.Installed
            $isGreeted = Test-Identity
        }
        $agent = $place.Agent
        $url = $agent.Url
        if ($isGreeted) {
            $late = Get-Offset "$(Get-Text $agent.Fields 'server_time')"
            if ($late) { Say "warning: $late" }
            $place.Name = Get-Shown $agent.Name
            Say "shook hands with $url as `"$($place.Name)`" ($($agent.Id))"
            return
        }
        if (-not (Test-Refused $agent 'invalid_credentials')) { Stop-Unanswered 'shake hands with' $agent }
        Stop-Asking 3 "Cannot shake hands with ${url}: the agent is unknown or revoked, or its secret is wrong" 'ask the operator of the server'
    }

    # Whether the server shakes hands.
    function Test-Identity {
        $place.Agent = New-Agent $place.Identity $place.Watch
        return Open-Session $place.Agent
    }

    # Dies of what came when this was to do something with the server.
    function Stop-Unanswered {
        param([string] $What, [hashtable] $Agent)
        $url = $Agent.Url
        if (-not $Agent.Failure) { Stop-Asking 6 "Cannot $What ${url}: $(Get-WhatCame $Agent)" 'check the URL, and the proxies on the way' }
        if ($Agent.IsTls) {
            $late = Get-Offset (Get-DateOfServer $url)
            if ($late) { Stop-Asking 6 "Cannot $What ${url}: TLS fails, and $late" 'set the clock of this host' }
            $hint = 'check the certificate; SSL_CERT_FILE names further authorities'
            if ($place.IsWindows) { $hint = "check the certificate; Windows' own store names the authorities, and SSL_CERT_FILE is not read" }
            Stop-Asking 6 "Cannot $What ${url}: TLS fails: $($Agent.Failure)" $hint
        }
        Stop-Asking 6 "Cannot reach ${url}: $($Agent.Failure)" 'check the URL, the network and the proxy'
    }

    # As Die does, after an undo if something was done.
    function Stop-Asking {
        param([int] $Code, [string] $What, [string] $Hint)
        if ($place.IsEnrolling) { Give-Up $Code $What $Hint }
        Die $Code $What $Hint
    }

    # The id, by which the server knows this host again: that of an earlier run, or a new one.
    function Start-Enrollment {
        if (-not $place.Code) { return }
        $place.EnrollmentId = ''
        if (Test-Own $place.Enrollment) { $place.EnrollmentId = [IO.File]::ReadAllText($place.Enrollment).TrimEnd("`n") }
        if ($place.EnrollmentId -cnotmatch '\A[A-Za-z0-9_-]{43}\z') {
            $bytes = New-Object byte[] 32
            $random = [Security.Cryptography.RandomNumberGenerator]::Create()
            try { $random.GetBytes($bytes) } finally { $random.Dispose() }
            $place.EnrollmentId = ConvertTo-Base64Url $bytes
        }
        # A signal that tells this to stop does not keep it from telling the server so.
        if (-not $options['dry-run']) { $place.Messenger = New-Agent @{ Url = $place.Identity.Url; Id = ''; Secret = '' } (New-Watch) }
        Send-Step 'started'
    }

    # Tells the server how far this came, where a code is used, and why it came no further.
    function Send-Step {
        param([string] $Step, [string] $Reason = '')
        $place.Reached = $Step
        $messenger = $place.Messenger
        if ($null -eq $messenger) { return }
        $detail = (Get-Shown $Reason) -creplace '[^ -~]', '?'
        $detail = $detail.Substring(0, [Math]::Min(500, $detail.Length))
        $secret = $place.Identity.Secret
        if ($detail.Contains($place.Code) -or ($secret -and $detail.Contains($secret))) { $detail = '' }
        $body = @{ code = $place.Code; enrollment_id = $place.EnrollmentId; step = $Step; failed = $Reason -ne ''; detail = $detail }
        [void](Send-Request $messenger 'enroll/progress' $body 2)
        # An installation does not wait for what tells of it: the first call that fails is the last.
        if ($messenger.Status -ne 204) { $place.Messenger = $null }
    }

    function Send-Failure {
        param([string] $Reason)
        Send-Step $place.Reached $Reason
    }

    # Gets an agent for the code. Whatever ends this run, the next one gets the same agent.
    function Register-Host {
        param($Folders)
        $place.IsEnrolling = $true
        Write-Manifest $Folders
        Write-Whole $place.Enrollment '600' (ConvertTo-Bytes "$($place.EnrollmentId)`n")
        $place.Lasting.AddRange([string[]]@($place.Manifest, $place.Enrollment))
        $asking = New-Agent $place.Identity $place.Watch
        [void](Send-Request $asking 'enroll' @{ code = $place.Code; enrollment_id = $place.EnrollmentId; client = $asking.Client })
        if (-not (Read-Enrolled $asking)) { Stop-Unenrolled $asking }
        Write-Whole $place.Credentials '600' (ConvertTo-Bytes (Get-CredentialsText))
        [void]$place.Lasting.Remove($place.Enrollment)
        $place.Lasting.Add($place.Credentials)
        Say "enrolled at $($place.Identity.Url) as `"$($place.Name)`" ($($place.Identity.Id))"
        Send-Step 'enrolled'
        Test-Credentials
        try { Remove-Files $place.Enrollment } catch { Stop-Writing $place.Enrollment }
        $place.IsEnrolling = $false
    }

    # Whether the reply has an agent and its secret, as they should be.
    function Read-Enrolled {
        param([hashtable] $Asking)
        if ($Asking.Status -ne 201) { return $false }
        $found = Get-Field $Asking.Fields 'agent'
        $id = "$(Get-Text $found 'id')"
        $name = Get-Text $found 'name'
        $secret = "$(Get-Text $Asking.Fields 'agent_secret')"
        if ($id -cnotmatch $Uuid -or $null -eq $name -or $secret -cnotmatch "\Aocs$SecretBody") { return $false }
        $place.Identity.Id = $id
        $place.Identity.Secret = $secret
        $place.Name = Get-Shown $name
        return $true
    }

    function Stop-Unenrolled {
        param([hashtable] $Asking)
        $url = $Asking.Url
        if (Test-Refused $Asking 'invalid_credentials') {
            Clear-Enrollment
            Give-Up 3 "Cannot enroll at ${url}: the code is unknown, expired, used up or revoked" 'ask the operator of the server for another code'
        }
        if ($Asking.Status -eq 409 -and (Get-Text $Asking.Fields 'error') -ceq 'conflict') {
            Clear-Enrollment
            Give-Up 5 "Cannot enroll at ${url}: $(Get-WhatCame $Asking)" 'ask the operator of the server, who may remove agents or raise their limit'
        }
        Stop-Unanswered 'enroll at' $Asking
    }

    # The server has no agent for this id.
    function Clear-Enrollment {
        $place.Lasting.Clear()
        try { Remove-Files $place.Enrollment } catch { Stop-Writing $place.Enrollment }
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
        # What an earlier installation had is not there to come back any more.
        if ($place.IsHandedOver) { return }
        for ($index = $place.Undo.Count - 1; $index -ge 0; $index--) {
            # Nothing more can be done about a step back that fails.
            $step = $place.Undo[$index]
            try { & $step } catch { Say "warning: $(Get-Cause $_.Exception)" }
        }
        Say 'what was done has been undone'
        if ($place.Lasting.Contains($place.Credentials)) { Say 'this host stays enrolled: run the installer again, the code is not needed any more' }
        elseif ($place.Lasting.Count -gt 0) { Say 'the id of this enrollment stays: run the installer again with the same code' }
    }

    function New-Folder {
        param([string] $Folder)
        Assert-Untold $place.Watch
        if ([IO.Directory]::Exists($Folder)) { return }
        New-Folder (Get-Parent $Folder)
        # What outlives an undo keeps its folders.
        $place.Undo.Add({ if ([IO.Directory]::Exists($Folder) -and [IO.Directory]::GetFileSystemEntries($Folder).Length -eq 0) { [IO.Directory]::Delete($Folder) } }.GetNewClosure())
        try { [void][IO.Directory]::CreateDirectory($Folder) }
        catch { Give-Up 1 "Cannot make the folder `"$Folder`"" 'look at the disk and its permissions' }
        Set-Mode '700' $Folder
    }

    # Writes the file, whole or not at all. Says nothing if it is there already.
    function Write-Whole {
        param([string] $Path, [string] $Mode, [byte[]] $Bytes)
        $new = "$Path$NewEnd"
        try {
            Open-Way $Path
            Write-New $new $Mode $Bytes
        }
        catch { Stop-Writing $Path }
        Move-IntoPlace $Path
    }

    # Writes a file that is not there.
    function Write-New {
        param([string] $Path, [string] $Mode, [byte[]] $Bytes)
        $file = New-Object IO.FileStream $Path, 'CreateNew', 'Write'
        try {
            Set-Mode '600' $Path
            $file.Write($Bytes, 0, $Bytes.Length)
            $file.Flush($true)
        }
        finally { $file.Dispose() }
        if ($Mode -ne '600') { Set-Mode $Mode $Path }
    }

    # What has these endings was left by a run that was killed. It is noted before there is anything, so that an
    # interruption at any moment leaves nothing.
    function Open-Way {
        param([string] $Path)
        Assert-Untold $place.Watch
        Remove-Rests $Path
        $parts = "$Path$NewEnd", "$Path$NewEnd.exe"
        $place.Undo.Add({ foreach ($part in $parts) { if ([IO.File]::Exists($part)) { [IO.File]::Delete($part) } } }.GetNewClosure())
    }

    function Remove-Rests {
        param([string] $Path)
        Remove-Files "$Path$NewEnd", "$Path$NewEnd.exe", "$Path$OldEnd"
    }

    function Set-Mode {
        param([string] $Mode, [string] $Path)
        if (-not $place.IsWindows) { chmod $Mode $Path }
    }

    function Stop-Writing {
        param([string] $Path)
        Give-Up 1 "Cannot write `"$Path`"" 'look at the disk and its permissions'
    }

    function Move-IntoPlace {
        param([string] $Path)
        $new = "$Path$NewEnd"
        try {
            if (-not (Test-There $Path)) {
                $lasting = $place.Lasting
                $place.Undo.Add({ if (-not $lasting.Contains($Path) -and [IO.File]::Exists($Path)) { [IO.File]::Delete($Path) } }.GetNewClosure())
                [IO.File]::Move($new, $Path)
            }
            elseif ((Get-Sha256 ([IO.File]::ReadAllBytes($Path))) -eq (Get-Sha256 ([IO.File]::ReadAllBytes($new)))) {
                Remove-Files $new
                return
            }
            else {
                # Windows writes over no program that runs.
                if ($Path -ceq $place.Program -and $place.Service -eq 'task') { [void](Test-Run 'schtasks' '/End', '/TN', $TaskName) }
                Add-Backup $Path
                [IO.File]::Replace($new, $Path, "$Path$OldEnd", $true)
            }
        }
        catch { Stop-Writing $Path }
        $place.Changed = $true
        Say "wrote $Path"
    }

    function Add-Backup {
        param([string] $Path)
        $old = "$Path$OldEnd"
        $place.Backups.Add($old)
        $lasting = $place.Lasting
        $place.Undo.Add({
            if ($lasting.Contains($Path)) { [IO.File]::Delete($old) }
            elseif ([IO.File]::Exists($old)) {
                if ([IO.File]::Exists($Path)) { [IO.File]::Delete($Path) }
                [IO.File]::Move($old, $Path)
            }
        }.GetNewClosure())
    }

    # A manifest lists one program only, so what could not be removed of a former one is looked for by name.
    function Get-Leftovers {
        $folder = Get-Parent $place.Program
        foreach ($name in $NameOnHost, "$NameOnHost.exe", "$NameOnHost.py", "$NameOnHost.ps1") {
            foreach ($end in $NewEnd, "$NewEnd.exe", $OldEnd) { [IO.Path]::Combine($folder, "$name$end") }
        }
    }

    # Of another kind or language, it has another name on Windows, and the new manifest does not list it.
    function Remove-Former {
        param($Files)
        $folder = Get-Parent $place.Program
        foreach ($file in $Files.Keys) {
            if ($file -ceq $place.Program -or (Get-Parent $file) -cne $folder -or -not (Test-Listed $file $Files[$file])) { continue }
            try {
                Remove-Rests $file
                Add-Backup $file
                [IO.File]::Move($file, "$file$OldEnd")
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

    # The hashes that the manifest lists: of the files as they are to be, and, until they are, as they are.
    function Set-Hashes {
        $place.After = @{}
        $place.Before = @{}
        $place.After[$place.Program] = $place.Sha256
        if ($place.Kind -eq 'script') { $place.After[$place.Program] = Get-Sha256 (ConvertTo-Bytes $AgentText) }
        foreach ($path in $place.Program, $place.ServiceFile) { if ($path) { $place.Before[$path] = Get-FileSha256 $path } }
        # A program's own installation adds its definition to the list.
        if ($place.ServiceFile -and $place.Kind -eq 'script') { $place.After[$place.ServiceFile] = Get-Sha256 (Get-TaskBytes) }
    }

    function Get-ManifestText {
        param($Folders)
        $identity = $place.Identity
        $lines = @("  `"version`": `"$Version`"", "  `"written_by`": `"install.ps1`"", "  `"url`": `"$($identity.Url)`"", "  `"agent_id`": `"$($identity.Id)`"",
            "  `"program`": `"$($place.Kind)`"", "  `"service`": `"$($place.Service)`"")
        $lines += "  `"files`": {`n$(@(Get-Entries) -join ",`n")`n  }"
        $paths = @($Folders | ForEach-Object { '    "' + (ConvertTo-Escaped $_) + '"' }) -join ",`n"
        $lines += "  `"folders`": [`n$paths`n  ]"
        return "{`n" + ($lines -join ",`n") + "`n}`n"
    }

    # The manifest's line for each file.
    function Get-Entries {
        foreach ($path in $place.Program, $place.ServiceFile) {
            $hashes = @($place.After[$path], $place.Before[$path] | Where-Object { $_ } | Select-Object -Unique)
            if ($hashes.Count -gt 0) { "    `"$(ConvertTo-Escaped $path)`": `"$($hashes -join ' ')`"" }
        }
        "    `"$(ConvertTo-Escaped $place.Credentials)`": null"
        if ($place.IsEnrolling) { "    `"$(ConvertTo-Escaped $place.Enrollment)`": null" }
        if ($place.Service -eq 'task') { "    `"$(ConvertTo-Escaped $place.Log)`": null" }
    }

    # What was replaced is not listed any more. Where this fails, it only stays on the list.
    function Complete-Manifest {
        param($Folders)
        $new = "$($place.Manifest)$NewEnd"
        $place.Before = @{}
        $bytes = ConvertTo-Bytes (Get-ManifestText $Folders)
        try {
            if ((Get-FileSha256 $place.Manifest) -ceq (Get-Sha256 $bytes)) { return }
            Remove-Files $new
            Write-New $new '600' $bytes
            [IO.File]::Replace($new, $place.Manifest, [NullString]::Value)
        }
        catch { Say "warning: $(Get-Cause $_.Exception)" }
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
            Write-Whole $place.Program '755' (ConvertTo-Bytes $AgentText)
            # It says no where the file system is mounted so that nothing in it may be started.
            if (-not $place.IsWindows -and -not (Test-Run 'test' '-x', $place.Program)) {
                Give-Up 1 "Cannot run `"$($place.Program)`": the system does not start it" 'choose a HOME on a file system that is mounted without "noexec"'
            }
            return
        }
        $new = Get-VerifiedProgram
        $beside = "$($place.Program)$NewEnd"
        try { if ($new -cne $beside) { [IO.File]::Move($new, $beside) } } catch { Stop-Writing $place.Program }
        Move-IntoPlace $place.Program
    }

    # The path of the program, which is beside its place, and verified.
    function Get-VerifiedProgram {
        $new = "$($place.Program)$NewEnd"
        # Windows starts only what is called .exe.
        if ($place.IsWindows) { $new = "$new.exe" }
        try { Open-Way $place.Program } catch { Stop-Writing $place.Program }
        Get-Binary $new
        $sum = Get-FileSha256 $new
        if ($sum -cne $place.Sha256) { Give-Up 1 "Cannot verify `"$($place.BinaryName)`": its SHA-256 is $sum, $($place.Sha256) is expected" 'fetch it again; if that does not help, tell its publisher' }
        Set-Mode '755' $new
        if (-not (Test-Run $new '--version')) { Give-Up 1 "Cannot run `"$($place.BinaryName)`" on $($place.Platform)" 'install the agent that needs no binary: --script-agent' }
        Send-Step 'downloaded'
        return $new
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
                if ($mode -eq '700') { return }
                $lasting = $place.Lasting
                $place.Undo.Add({ if ($lasting.Count -eq 0) { chmod $mode $state } }.GetNewClosure())
            }
            chmod 700 $state
            return
        }
        # One that an installer has protected stays so.
        $lasting = $place.Lasting
        if (-not $place.Earlier.Service) { $place.Undo.Add({ if ($lasting.Count -eq 0) { icacls $state /reset 2>&1 | Out-Null } }.GetNewClosure()) }
        $own = (Get-WindowsUser).Sid
        if (-not (Test-Run 'icacls' $state, '/inheritance:r', '/grant:r', "*${own}:(OI)(CI)F", '*S-1-5-18:(OI)(CI)F')) { Stop-Writing $state }
    }

    # The definition of the service: its template, with the values of this host.
    function Get-TaskText {
        $command = $place.Program
        $before = ''
        if ($place.Kind -eq 'script') {
            # Windows' own, which every user has, in the same place after each update.
            $command = [IO.Path]::Combine("$env:SystemRoot", 'System32\WindowsPowerShell\v1.0\powershell.exe')
            if (-not (Test-There $command)) { $command = [IO.Path]::Combine($PSHOME, 'pwsh.exe') }
            $before = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -WindowStyle Hidden -File `"$($place.Program)`" "
        }
        $values = @{ COMMAND = $command; SCRIPT = $before; LOG = $place.Log; OPTIONS = -join @($place.Watched | ForEach-Object { " `"$_`"" }); USER = (Get-WindowsUser).Name }
        # In one go: a value may look like a name.
        $parts = [regex]::Split($TaskTemplate.Replace("`r`n", "`n") + "`n", '@([A-Z]+)@')
        for ($index = 1; $index -lt $parts.Count; $index += 2) {
            $parts[$index] = $values[$parts[$index]].Replace('&', '&amp;').Replace('<', '&lt;').Replace('>', '&gt;')
        }
        return -join $parts
    }

    # The scheduler takes UTF-16 whatever the language of the host is.
    function Get-TaskBytes {
        return , [byte[]]([byte[]](255, 254) + [Text.Encoding]::Unicode.GetBytes((Get-TaskText).Replace("`n", "`r`n")))
    }

    $TaskTemplate = @'
@units/task.xml@
'@

    function Start-Task {
        # The agent has no time to say that it stops. Should it stay away for longer than this, that is told.
        $wasThere = Test-Run 'schtasks' '/End', '/TN', $TaskName
        if ($wasThere -and $place.Agent -and $place.Agent.Token -and -not (Send-Beat $place.Agent 'stopping' 3 -BackIn 120)) {
            Say "warning: $($place.Agent.Url) was not told that the agent will be back"
        }
        return (Test-RunAloud 'schtasks' '/Create', '/F', '/TN', $TaskName, '/XML', $place.ServiceFile) -and (Test-RunAloud 'schtasks' '/Run', '/TN', $TaskName)
    }

    function Stop-Task {
        [void](Test-Run 'schtasks' '/End', '/TN', $TaskName)
        [void](Test-Run 'schtasks' '/Delete', '/F', '/TN', $TaskName)
    }

    # What the server reports of the agent: liveness, and when it was last seen.
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
        elseif ($place.IsComplete -and (Test-Run 'schtasks' '/Query', '/TN', $TaskName)) { $seenBefore = 'none' }
        elseif ($place.Kind -eq 'binary') { Invoke-HandOver }
        elseif ($place.Changed -or -not (Test-Run 'schtasks' '/Query', '/TN', $TaskName)) {
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
                if ($place.Service -eq 'none') { Say "the server took a first heartbeat of `"$($place.Name)`"" }
                else { Say "the server reports `"$($place.Name)`" as online" }
                Send-Step 'online'
                return
            }
            Wait-Seconds 1 $place.Watch
        }
        $liveness = ''
        if ($seen) { $liveness = $seen.Liveness }
        Give-Up 1 "Cannot see the agent online: the server says `"$liveness`"" "look at the log of the service, or $hint"
    }

    # The program installs itself and its service. It reads the secret from its standard input.
    function Invoke-HandOver {
        $identity = $place.Identity
        $runner = $place.Program
        if (-not $place.IsKept) { $runner = Get-VerifiedProgram }
        # An agent that a code was given for is not removed with the program.
        if ($place.IsFirst -and $place.Lasting.Count -eq 0) { $place.Undo.Add({ if (Test-Trusted $place.Program) { [void](Invoke-Program $place.Program ('service', 'uninstall', '--name', $NameOnHost) '') } }) }
        $words = @('service', 'install', '--name', $NameOnHost, '--url', $identity.Url, '--agent-id', $identity.Id, '--agent-secret-file', '-') + @(Get-ProgramWords)
        $code = Invoke-Program $runner $words $identity.Secret
        if ($code -ne 0) {
            Assert-Untold $place.Watch
            Undo-All
            Send-Failure "Cannot install the service: the program ends with $code"
            Stop-Run $code
        }
        $place.Changed = $true
        Send-Step 'installed'
        $place.IsHandedOver = -not $place.IsFirst -or $place.Lasting.Count -gt 0
    }

    # The options that say what is watched, a word each. Windows PowerShell does not escape the quotes in a word.
    function Get-ProgramWords {
        for ($index = 0; $index -lt $place.Watched.Count; $index += 2) {
            $value = $place.Watched[$index + 1]
            if ($PSVersionTable['PSEdition'] -ne 'Core') { $value = $value -creplace '(\\*)"', '$1$1\"' }
            "$($place.Watched[$index])=$value"
        }
    }

    # Ends as a program did that has said why.
    function Stop-Run {
        param([int] $Code)
        if ($Code -lt 1 -or $Code -gt 6) { $Code = 1 }
        throw "openclaw ends with $Code"
    }

    # Without a terminal, starting this was the answer.
    function Confirm-Step {
        param([string] $Question)
        if ($options['yes'] -or [Console]::IsInputRedirected -or -not [Environment]::UserInteractive) { return }
        if ((Read-Host "$Question [y/N]") -notlike 'y*') { Die 1 'Cancelled: nothing was changed' '' }
    }

    function Install-Agent {
        param([hashtable] $Given)
        Select-Credentials $Given
        Start-Enrollment
        Assert-Kind
        Assert-Installed
        Assert-Places
        Select-Program
        Select-Watched
        if (-not $place.Code) { Test-Credentials }
        if ($options['dry-run']) {
            foreach ($file in Get-Files) { Answer "would write $file" }
            return
        }
        Send-Step 'checked'
        if ($place.Code) { Confirm-Step "Enroll this host at $($place.Identity.Url), and install the agent to $($place.Program)?" }
        else { Confirm-Step "Install the agent `"$($place.Name)`" to $($place.Program)?" }
        $folders = @(Get-PlannedFolders)
        $place.Earlier = Read-Manifest
        $place.IsFirst = -not (Test-There $place.Manifest)
        Set-Hashes
        $place.IsComplete = (Test-HandsOver) -and (Test-Installed) -and $place.Watched.Count -eq 0
        $isDone = $false
        $isInterrupted = $true
        try {
            Write-Files $folders
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
            if (-not $isDone -and $isInterrupted) {
                Say $ofInterruption
                Send-Failure 'Cannot go on: it was interrupted'
            }
        }
        if (-not (Test-HandsOver)) { Complete-Manifest $folders }
        # What cannot be removed yet, the next run and --uninstall will.
        try { Remove-Files $place.Backups } catch { Say "warning: $(Get-Cause $_.Exception)" }
        Complete-SecondName
        Write-Report
    }

    # Whether the program installs itself: the service of a script agent is ours to install.
    function Test-HandsOver { return $place.Kind -eq 'binary' -and $place.Service -ne 'none' }

    # Whether the program that is asked for has installed itself and its service with these credentials.
    function Test-Installed {
        return $null -ne $place.Installed -and $place.Earlier.Service -eq $place.Service -and (Test-Ours $place.ServiceFile) -and
            (Test-Ours $place.Program) -and (Get-FileSha256 $place.Program) -ceq $place.Sha256
    }

    function Write-Files {
        param($Folders)
        if ($place.IsComplete) {
            Wait-Online
            return
        }
        # A service that is there already runs again in the end, with the files that it had.
        if ($place.Service -ne 'none' -and $place.Earlier.Service -eq $place.Service -and (Test-There $place.ServiceFile)) { $place.Undo.Add({ [void](Start-Task) }) }
        if ($place.Code) { Register-Host $Folders }
        Write-Manifest $Folders
        # A run that was killed after it had stored its agent leaves this.
        Remove-Files $place.Enrollment
        New-Folder (Get-Parent $place.Program)
        if (Test-HandsOver) { Remove-Former $place.Earlier.Files } else { Write-Parts }
        Wait-Online
    }

    # The manifest comes first: whatever ends this run, what it wrote is known to the next one.
    function Write-Manifest {
        param($Folders)
        New-Folder $place.State
        Protect-State
        Write-Whole $place.Manifest '600' (ConvertTo-Bytes (Get-ManifestText $Folders))
    }

    function Write-Parts {
        foreach ($leftover in Get-Leftovers) {
            # It still runs. Where its place is not needed now, the next run, and --uninstall, will.
            try { Remove-Files $leftover } catch { Say "warning: $(Get-Cause $_.Exception)" }
        }
        if (-not (Test-OtherSecret)) { Write-Whole $place.Credentials '600' (ConvertTo-Bytes (Get-CredentialsText)) }
        Write-Program
        if ($place.ServiceFile) { Write-Whole $place.ServiceFile '600' (Get-TaskBytes) }
        Remove-Former $place.Earlier.Files
        Send-Step 'installed'
    }

    # Whether a program keeps a secret in the credentials file that is not this run's to lose: it has put it there meanwhile,
    # or is in the middle of a rotation.
    function Test-OtherSecret {
        if ($null -eq $place.Installed -or -not (Test-There $place.Credentials)) { return $false }
        $fields = Read-Object ([IO.File]::ReadAllText($place.Credentials))
        $newer = Get-Text $fields 'next_agent_secret'
        return (Get-Text $fields 'agent_secret') -cne $place.Installed.Secret -or ($null -ne $newer -and $newer -cne $place.Identity.Secret)
    }

    function Write-Report {
        if (-not $place.Changed) { Answer 'nothing had to be changed' }
        foreach ($file in Get-Files) { Answer "installed $file" }
        Answer "to undo it: run this installer, or the one without a secret at $($place.Identity.Url)/functions/v1/install?shell=powershell, with --uninstall"
        if ($place.Service -eq 'none') {
            $start = "`"$($place.Program)`" monitor"
            if ($place.IsWindows -and $place.Kind -eq 'script') { $start = "powershell -NoProfile -ExecutionPolicy Bypass -File $start" }
            elseif ($place.IsWindows) { $start = "& $start" }
            # As the shell of this system reads it.
            $quote = "'\''"
            if ($place.IsWindows) { $quote = "''" }
            foreach ($word in $place.Watched) { $start += " '$($word.Replace("'", $quote))'" }
            Answer "to start the agent: $(Get-OwnVariables)$start"
            if (-not $options['no-service']) { Answer 'there is no systemd or launchd here: have it started at boot by what there is' }
        }
        elseif ($place.Kind -eq 'script' -and (Test-Environment)) { Answer $ofEnvironment }
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

    # What the agent needs in its environment, where cron starts it, to find its files.
    function Get-OwnVariables {
        if (-not $place.IsLinux) { return '' }
        $words = ''
        foreach ($name in $usualFolders.Keys) {
            $folder = "$([Environment]::GetEnvironmentVariable($name))"
            if ($folder.StartsWith('/') -and $folder -cne "$env:HOME/$($usualFolders[$name])") { $words += "$name='$($folder.Replace("'", "'\''"))' " }
        }
        return $words
    }

    function Uninstall-Agent {
        if (-not (Test-There $place.Manifest)) { Die 4 "Cannot uninstall: there is no `"$($place.Manifest)`" of this agent" 'run it as the user who installed it' }
        Assert-Readable
        $manifest = Read-Manifest
        if ('none', $(if ($place.IsWindows) { 'task' }) -cnotcontains $manifest.Service) {
            Die 5 "Cannot uninstall: the installation that is there has the service `"$($manifest.Service)`"" 'take the installer for sh or for Python'
        }
        Set-ServicePlace $manifest.Service
        $listed = $manifest.Files
        if ($place.IsWindows) {
            $named = $listed.Keys | Where-Object { "$NameOnHost.exe", "$NameOnHost.py", "$NameOnHost.ps1" -contains [IO.Path]::GetFileName($_) } | Select-Object -First 1
            if ($named) { $place.Program = [IO.Path]::Combine((Get-Parent $place.Program), [IO.Path]::GetFileName($named)) }
        }
        # What a program has installed has its folders, too.
        $folders = @($place.State, (Get-Parent $place.Session)) + $manifest.Folders
        Assert-Manifest @($listed.Keys) $folders
        $kept = @($listed.Keys | Where-Object { $null -ne $listed[$_] -and (Test-There $_) -and -not (Test-Listed $_ $listed[$_]) })
        $files = @($listed.Keys | Where-Object { $kept -cnotcontains $_ }) + $place.Manifest
        foreach ($file in $files) {
            # A user who may write to a folder may remove what stands in it. An access list does not tell.
            if (-not $place.IsWindows -and (Test-There $file) -and -not (Test-Run 'test' '-w', (Get-Parent $file))) { Stop-Removing $file }
        }
        if ($options['dry-run']) {
            foreach ($file in $files) { Answer "would remove $file" }
            return
        }
        if ($place.Service -eq 'task' -and -not (Test-OwnTask)) { Die 5 "Cannot uninstall: the task `"$TaskName`" is of another user or program" "schtasks /Query /TN $TaskName /V /FO LIST" }
        Confirm-Step "Remove the agent from $($place.State)?"
        if ($manifest.Kind -ceq 'binary' -and $place.Service -ne 'none' -and (Test-Trusted $place.Program)) { Invoke-Removal }
        else { Remove-All $files $folders }
        foreach ($file in $files) { Answer "removed $file" }
        foreach ($file in $kept) { Answer "kept, because it was changed: $file" }
        if ($place.Service -eq 'none') { Answer 'an agent that was started by hand still runs: stop it, too' }
    }

    # By the program, which cannot remove itself there, nor what an installer left of a former one.
    function Invoke-Removal {
        $code = Invoke-Program $place.Program ('service', 'uninstall', '--name', $NameOnHost) ''
        if ($code -ne 0) { Stop-Run $code }
        Remove-Part $place.Program
        foreach ($leftover in Get-Leftovers) { Remove-Part $leftover }
        Remove-Folders (Get-Parent $place.Program)
    }

    function Remove-All {
        param([string[]] $Files, [string[]] $Folders)
        if ($place.Service -eq 'task') {
            Stop-Task
            if (Test-Run 'schtasks' '/Query', '/TN', $TaskName) {
                Die 1 "Cannot stop the service `"$($place.Service)`": it still runs, or cannot be asked" 'stop it, then run the installer again with --uninstall'
            }
        }
        Send-Goodbye
        Remove-SecondName
        # The program leaves it on Windows.
        Remove-Part "$($place.Credentials).openclaw-lock"
        # The manifest is the last of them: until then, a run that failed or was interrupted can be repeated.
        foreach ($file in $Files) {
            if ($file -ceq $place.Manifest) {
                foreach ($leftover in Get-Leftovers) { try { Remove-Files $leftover } catch { Stop-Removing $leftover } }
            }
            Remove-Part $file
        }
        Remove-Folders $Folders
    }

    function Remove-Part {
        param([string] $Path)
        try {
            Remove-Files $Path
            Remove-Rests $Path
        }
        catch { Stop-Removing $Path }
    }

    function Remove-Folders {
        param([string[]] $Folders)
        foreach ($folder in $Folders) {
            # It has another program's files in it, so it stays.
            try { [IO.Directory]::Delete($folder) } catch [IO.IOException], [UnauthorizedAccessException] { continue }
        }
    }

    function Stop-Removing {
        param([string] $Path)
        Die 1 "Cannot remove `"$Path`": this user may not" 'run it as the user who installed it, or as root'
    }

    # Nothing is removed but what an installer or the program itself writes.
    function Assert-Manifest {
        param([string[]] $Files, [string[]] $Folders)
        $separator = [IO.Path]::DirectorySeparatorChar
        $known = @(Get-Files) + $place.Session + $place.Log + $place.Enrollment
        $lock = [IO.Path]::Combine((Get-Parent $place.Session), 'monitor-')
        $bad = @($Files | Where-Object { $known -cnotcontains $_ -and $_ -cnotmatch "\A$([regex]::Escape($lock))[0-9a-f-]+\.lock\z" })
        foreach ($folder in $Folders) {
            if (-not ($known | Where-Object { $_.StartsWith("$folder$separator", [StringComparison]::Ordinal) })) { $bad += $folder }
        }
        if ($bad.Count -gt 0) { Die 5 "Cannot uninstall: `"$($place.Manifest)`" lists what no installer writes: $($bad -join ' ') " 'remove it by hand' }
    }

    function Send-Goodbye {
        $credentials = $null
        if (Test-There $place.Credentials) { $credentials = Read-Credentials $place.Credentials }
        if (-not $credentials) {
            Say "warning: the server was not told that the agent stops: `"$($place.Credentials)`" holds no credentials"
            return
        }
        $agent = New-Agent $credentials $place.Watch
        if ((Open-Session $agent) -and (Send-Beat $agent 'stopping')) { Say "told $($credentials.Url) that the agent stops" }
        else { Say "warning: $($credentials.Url) was not told that the agent stops" }
    }

    $place = @{
        Undo = New-Object 'Collections.Generic.List[scriptblock]'; Backups = New-Object 'Collections.Generic.List[string]'; Changed = $false
        IsUndone = $false; IsHandedOver = $false; IsKept = $false; Sha256 = ''; BinaryName = ''; Watched = @(); Listed = $null; Watch = Start-Watch
        Code = ''; IsEnrolling = $false; Messenger = $null; Reached = ''; Agent = $null
        # The files that outlive an undo: the server may have made an agent for them.
        Lasting = New-Object 'Collections.Generic.List[string]'
    }
    # As the XDG Base Directory Specification has them.
    $usualFolders = [ordered]@{ 'XDG_CONFIG_HOME' = '.config'; 'XDG_STATE_HOME' = '.local/state' }
    $spelled = @{}
    $given = Read-Environment
    try {
        $options = Read-Arguments (Join-Arguments @($Arguments | Where-Object { $null -ne $_ }))
        if ($options['help']) { Answer $usage }
        elseif ($options['version']) { Answer $Version }
        else {
            Enable-Tls
            $NameOnHost = Select-Name $options['name'] ''
            # Windows' scheduler has one of that name.
            $TaskName = $NameOnHost
            Assert-Host
            Set-RealFolders
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
        foreach ($name in $spelled.Keys) { [Environment]::SetEnvironmentVariable($name, $spelled[$name]) }
    }
    # Read from a pipe, an exit would take the user's own shell along.
    if ($ownFile) { exit $code }
    $global:LASTEXITCODE = $code
}

if ($true) { Install-OpenClaw $args }
