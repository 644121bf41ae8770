const bash = `# bash completion for openclaw
_openclaw() {
    local line="\${COMP_LINE:0:COMP_POINT}" prefix='' last value words
    IFS=$' \\t\\n' read -r -d '' -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    last=\${words[\${#words[@]}-1]}
    # Bash replaces only what is behind the =, where that parts words.
    [[ $last == -*=* && $COMP_WORDBREAKS != *=* ]] && prefix=\${last%%=*}=
    COMPREPLY=()
    while IFS=$'\\t' read -r value _; do
        [[ $value == :* ]] || COMPREPLY+=("$prefix$value")
    done < <(openclaw complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _openclaw openclaw`;

const zsh = `#compdef openclaw
# zsh completion for openclaw
_openclaw() {
    local line
    local -a given candidates
    given=("\${(@f)$(openclaw complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    for line in $given; do
        [[ $line == :* ]] && continue
        candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    done
    if (( $#candidates == 0 )); then
        _files
        return
    fi
    [[ $PREFIX == -*=* ]] && compset -P '*='
    _describe -V openclaw candidates
}
if [[ $funcstack[1] == _openclaw ]]; then
    _openclaw
else
    compdef _openclaw openclaw
fi`;

const fish = `# fish completion for openclaw
function __openclaw_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l candidates (openclaw complete -- $words[2..-1] "$word" 2>/dev/null | string match --invert -- ':*')
    if test (count $candidates) -eq 0
        __fish_complete_path "$word"
        return
    end
    set -l flag (string match --regex -- '^-[^=]*=' "$word")
    printf '%s\\n' "$flag"$candidates
end
complete --command openclaw --erase
complete --command openclaw --no-files --arguments '(__openclaw_complete)'`;

const powershell = `# PowerShell completion for openclaw
Register-ArgumentCompleter -Native -CommandName openclaw -ScriptBlock {
    param($word, $command, $cursor)
    $words = @($command.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.StartOffset -lt $cursor } |
        ForEach-Object {
            $text = $_.Extent.Text
            $text.Substring(0, [Math]::Min($text.Length, $cursor - $_.Extent.StartOffset))
        })
    if ($word -eq '') {
        # An empty argument is lost on its way to a program, unless it is quoted twice or PowerShell is new.
        $isLost = $PSVersionTable.PSVersion -lt [version]'7.3' -or $PSNativeCommandArgumentPassing -eq 'Legacy'
        $words += if ($isLost) { '""' } else { '' }
    }
    $flag = if ($word -like '-*=*') { $word.Substring(0, $word.IndexOf('=') + 1) } else { '' }
    foreach ($line in (& openclaw complete '--' @words 2>$null)) {
        if ($line.StartsWith(':')) { continue }
        $value, $description = $line.Split([char]9)
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new("$flag$value", $value, 'ParameterValue', "$description")
    }
}`;

/**
 * The shells' scripts. At every Tab they ask `openclaw complete -- <words>`, which answers with a candidate, a tab
 * and its description a line, and then a line that begins with a colon. What was typed is handed on as words and
 * never evaluated: a line that is pasted before Tab runs nothing. Where there is no candidate, file names
 * are completed.
 */
export const completionScripts: ReadonlyMap<string, string> = new Map(
  Object.entries({ bash, zsh, fish, powershell }),
);
