using System.Runtime.InteropServices;
using System.Text;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>Calls of the C library that .NET does not expose.</summary>
internal static class Native
{
    public const int SigKill = 9;
    public const int SigTerm = 15;
    private const int ExecuteAccess = 1;
    private const int PriorityOfProcess = 0;
    private const int PriorityOfGroup = 1;

    /// <summary>Sends a signal to every process of a group; a missing group is not an error.</summary>
    public static void SignalGroup(int group, int signal)
    {
        // Before setsid has run, the group does not exist yet, only the process.
        if (kill(-group, signal) != 0)
        {
            _ = kill(group, signal);
        }
    }

    /// <summary>Sets the nice value (0 to 19) of every process and thread of a group; a missing group is not an error.</summary>
    public static void SetPriority(int group, int nice)
    {
        // Before setsid has run, the group does not exist yet, only the process, from which all others inherit.
        if (setpriority(PriorityOfGroup, group, nice) != 0)
        {
            _ = setpriority(PriorityOfProcess, group, nice);
        }
    }

    /// <summary>Whether the process runs as root.</summary>
    public static bool IsRoot { get; } = geteuid() == 0;

    /// <summary>Whether this user may execute the file.</summary>
    public static bool MayExecute(string path) => access(Encoding.UTF8.GetBytes(path + '\0'), ExecuteAccess) == 0;

    /// <summary>Atomically replaces a directory entry with another, including links, which .NET would follow.</summary>
    public static void Rename(string from, string to)
    {
        if (rename(Encoding.UTF8.GetBytes(from + '\0'), Encoding.UTF8.GetBytes(to + '\0')) != 0)
        {
            throw new IOException($"cannot rename {from} to {to}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }

    [DllImport("libc", SetLastError = true)]
    private static extern int rename(byte[] from, byte[] to);

    [DllImport("libc")]
    private static extern int access(byte[] path, int mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int kill(int pid, int signal);

    [DllImport("libc")]
    private static extern int setpriority(int which, int who, int priority);

    [DllImport("libc")]
    private static extern uint geteuid();
}
