using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// A tiny process beside the node that knows the process groups of all containers from a pipe, and kills them when the
/// pipe ends: when the node is gone, even by <c>kill -9</c>. The parent-death signal that containers carry reaches only
/// their first process; this reaches what they started too.
/// </summary>
internal sealed class ProcessWatchdog : IDisposable
{
    // The groups are kept in one string, blanks around each. Signals of the terminal and of a shutdown must not end it: it ends with the pipe.
    private const string Script =
        """
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

    /// <summary>From now on the group dies with this process.</summary>
    public void Add(int group) => Tell('+', group);

    /// <summary>The group has ended.</summary>
    public void Remove(int group) => Tell('-', group);

    /// <summary>Lets it go; it kills what is still registered.</summary>
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
                // Somebody killed it. The containers keep their parent-death signal; only what they start themselves is no longer watched.
                _closed = true;
            }
        }
    }
}
