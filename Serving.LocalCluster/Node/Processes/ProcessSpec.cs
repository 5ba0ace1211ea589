namespace Serving.LocalCluster.Node.Processes;

/// <summary>Describes a process to start.</summary>
/// <param name="Command">The program and its arguments; the program is a path or found in <c>PATH</c>.</param>
/// <param name="Environment">The whole environment; nothing is inherited.</param>
/// <param name="WorkingDirectory">An existing directory.</param>
/// <param name="Binds">Directories or files to bind to other paths, only for this process. Needs root.</param>
internal sealed record ProcessSpec(
    IReadOnlyList<string> Command,
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory,
    IReadOnlyList<BindMount> Binds
)
{
    // The shell that becomes the program joins the cgroups first, so that the limits hold from its first instruction.
    private const string JoinScript = """
        while [ "$1" != -- ]; do
          echo 0 >"$1/cgroup.procs" || exit 125
          shift
        done
        shift
        exec "$@"
        """;

    // A private mount namespace: the mounts are visible only to this program, and end with it.
    private const string BindScript = """
        while [ "$1" != -- ]; do
          mount --bind "$1" "$2" || exit 125
          [ "$3" = rw ] || mount -o remount,bind,ro "$2" || exit 125
          shift 3
        done
        shift
        exec "$@"
        """;

    /// <summary>The directories of the cgroups that the process joins; none by default.</summary>
    public IReadOnlyList<string> Cgroups { get; init; } = [];

    /// <summary>
    /// The command line to execute: <c>setpriv</c> ties the process to the thread that starts it, <c>setsid</c> gives it a session
    /// of its own, so that its id is also its group's, and Ctrl-C in the node's terminal does not reach it.
    /// </summary>
    public IEnumerable<string> Arguments()
    {
        string[] join = Cgroups.Count == 0 ? [] : ["/bin/sh", "-c", JoinScript, "join", .. Cgroups, "--"];
        string[] words = ["--pdeathsig", "KILL", "setsid", .. join];
        if (Binds.Count == 0)
        {
            return [.. words, .. Command];
        }

        return
        [
            .. words,
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "/bin/sh",
            "-c",
            BindScript,
            "bind",
            .. Binds.SelectMany(b => (string[])[b.Source, b.Target, b.ReadOnly ? "ro" : "rw"]),
            "--",
            .. Command,
        ];
    }
}

/// <summary>Binds <paramref name="Source"/> to <paramref name="Target"/>; both exist.</summary>
internal sealed record BindMount(string Source, string Target, bool ReadOnly);
