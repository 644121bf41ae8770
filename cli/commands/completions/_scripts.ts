const bash = `# bash completion for @WORD@
@FUNCTION@() {
    local line="\${COMP_LINE:0:COMP_POINT}" prefix='' last value words
    IFS=$' \\t\\n' read -r -d '' -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    last=\${words[\${#words[@]}-1]}
    # Bash replaces only what is behind the =, where that parts words.
    [[ $last == -*=* && $COMP_WORDBREAKS != *=* ]] && prefix=\${last%%=*}=
    COMPREPLY=()
    while IFS=$'\\t' read -r value _; do
        [[ $value == :* ]] || COMPREPLY+=("$prefix$value")
    done < <(@WORD@ complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F @FUNCTION@ @NAMES@`;

const zsh = `#compdef @NAMES@
# zsh completion for @WORD@
@FUNCTION@() {
    local line
    local -a given candidates
    given=("\${(@f)$(@WORD@ complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    for line in $given; do
        [[ $line == :* ]] && continue
        candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    done
    if (( $#candidates == 0 )); then
        _files
        return
    fi
    [[ $PREFIX == -*=* ]] && compset -P '*='
    _describe -V @WORD@ candidates
}
if [[ $funcstack[1] == @FUNCTION@ ]]; then
    @FUNCTION@
else
    compdef @FUNCTION@ @NAMES@
fi`;

const fish = `# fish completion for @WORD@
function _@FUNCTION@_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l candidates (@WORD@ complete -- $words[2..-1] "$word" 2>/dev/null | string match --invert -- ':*')
    if test (count $candidates) -eq 0
        __fish_complete_path "$word"
        return
    end
    set -l flag (string match --regex -- '^-[^=]*=' "$word")
    printf '%s\\n' "$flag"$candidates
end
@EACH@`;

const powershell = `# PowerShell completion for @WORD@
Register-ArgumentCompleter -Native -CommandName @LIST@ -ScriptBlock {
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
    foreach ($line in (& @WORD@ complete '--' @words 2>$null)) {
        if ($line.StartsWith(':')) { continue }
        $value, $description = $line.Split([char]9)
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new("$flag$value", $value, 'ParameterValue', "$description")
    }
}`;

/** The words of a line that a shell completes by one of the scripts: the first is the command that is asked. */
export type Completed = readonly [string, ...string[]];

/**
 * A shell's script. At every Tab it asks `<command> complete -- <words>`, which answers with a candidate, a tab
 * and its description a line, and then a line that begins with a colon. What was typed is handed on as words and
 * never evaluated: a line that is pasted before Tab runs nothing. Where there is no candidate, file names
 * are completed.
 */
export function completionScript(shell: string, names: Completed): string {
  const [word] = names;
  const own = `_${word.replaceAll("-", "_")}`;
  const inFish = names.flatMap((name) => [
    `complete --command ${name} --erase`,
    `complete --command ${name} --no-files --arguments '(_${own}_complete)'`,
  ]);
  const values: Record<string, string> = {
    WORD: word,
    FUNCTION: own,
    NAMES: names.join(" "),
    LIST: names.join(", "),
    EACH: inFish.join("\n"),
  };
  const text = new Map(Object.entries({ bash, zsh, fish, powershell })).get(shell) ?? "";
  return text.replace(/@([A-Z]+)@/g, (whole, name: string) => values[name] ?? whole);
}
