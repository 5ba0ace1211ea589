using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// A small process beside the node that receives the process groups of all containers through a pipe, and kills them when the
/// pipe closes: when the node has ended, even by <c>kill -9</c>. The parent-death signal of a container reaches only
/// its first process; the watchdog also kills that process's children.
/// </summary>
internal sealed class ProcessWatchdog : IDisposable
{
    // The groups are in one string, separated by spaces. The watchdog ignores signals of the terminal and of a shutdown: it ends with the
    // pipe.
    private const string Script = """
        trap '' INT TERM HUP QUIT
        groups=' '
        while read -r sign group; do
          case $sign in
            +) groups="$groups$group " ;;
            -) groups="${groups%% $group *} ${groups#* $group }" ;;
          esac
        done
        for group in $groups; do kill -KILL -"$group" 2>/dev/null || kill -KILL "$group" 2>/dev/null; done
        """;

    private readonly Process _process;
    private readonly Stream _pipe;
    private readonly Lock _lock = new();
    private bool _closed;

    public ProcessWatchdog()
    {
        var start = new ProcessStartInfo("setsid", ["/bin/sh", "-c", Script])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        _process = Process.Start(start)!;
        _pipe = _process.StandardInput.BaseStream;
    }

    /// <summary>Registers a group, which is then killed when this process ends.</summary>
    public void Add(int group) => Tell('+', group);

    /// <summary>Unregisters a group that has ended.</summary>
    public void Remove(int group) => Tell('-', group);

    /// <summary>Ends the watchdog; it kills the groups that are still registered.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _pipe.Dispose();
        }

        _process.WaitForExit(TimeSpan.FromSeconds(5));
        _process.Dispose();
    }

    private void Tell(char sign, int group)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            try
            {
                _pipe.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{sign} {group}\n")));
                _pipe.Flush();
            }
            catch (IOException)
            {
                // The watchdog was killed. The containers keep their parent-death signal; only their children are no longer covered.
                _closed = true;
            }
        }
    }
}
