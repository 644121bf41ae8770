#!/usr/bin/env bash
# powershell_ahead.sh <version>
# Prints a folder with the PowerShell that "dotnet tool install" has installed, its largest library compiled ahead. The
# package has it as code of .NET only, so each start compiles what it uses of it, which takes a second of CPU. The
# archives that Microsoft has for Linux have it compiled, too. Prints nothing where no such PowerShell is installed.
set -euo pipefail
shopt -s nullglob
version=$1
library=System.Management.Automation.dll
installed=("$HOME/.dotnet/tools/.store/powershell/$version/powershell/$version/tools"/net*/any/unix)
[ "${#installed[@]}" = 1 ] || exit 0
store=${XDG_CACHE_HOME:-$HOME/.cache}/openclaw-tools
folder=$store/powershell-$version
if [ ! -d "$folder" ]; then
  framework=$(dotnet --list-runtimes | sed -n 's|^Microsoft.NETCore.App \([^ ]*\) \[\(.*\)]$|\2/\1|p' | tail -n 1)
  runtime=${framework##*/}
  mkdir -p "$store"
  work=$(mktemp -d "$store/powershell.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cat >"$work/compiler.csproj" <<END
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net${runtime%.*}</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="Microsoft.NETCore.App.Crossgen2.linux-x64" Version="[$runtime]" /></ItemGroup>
</Project>
END
  dotnet restore "$work" --packages "$work/packages" >&2
  cp -r "${installed[0]}" "$work/ahead"
  "$work/packages/microsoft.netcore.app.crossgen2.linux-x64/$runtime/tools/crossgen2" "${installed[0]}/$library" \
    --out "$work/ahead/$library" --reference "$framework/*.dll" --reference "${installed[0]}/*.dll" \
    --targetos linux --targetarch x64 -O >&2
  mv -T "$work/ahead" "$folder"
fi
printf '%s\n' "$folder"
