using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Serving.QueueProxy;

/// <summary>
/// Tells OpenSSL which key exchange groups to take, and in which order. No API of .NET does, so it is done by a configuration file of OpenSSL's;
/// the file is memory, as the root may be read-only. Invariant: it has an effect only before anything of OpenSSL is used.
/// </summary>
internal static partial class KeyExchangeGroups
{
    // What OpenSSL does not know would make it drop the whole line.
    private const string HybridGroup = "X25519MLKEM768";

    /// <summary>Sets the groups of this process; none leaves OpenSSL's own.</summary>
    public static void Set(IReadOnlyList<string> groups, ILogger logger)
    {
        if (groups.Count == 0) return;
        var known = groups.Where(static group => group != HybridGroup).ToList();
        if (known.Count < groups.Count) LogHybrid(logger, HybridGroup);
        if (known.Count == 0) return;
        var descriptor = MemfdCreate("openssl.cnf", 0);
        if (descriptor < 0) throw new IOException($"No memory file for OpenSSL's configuration: error {Marshal.GetLastPInvokeError()}.");

        // Neither closed nor disposed: OpenSSL opens it by its name when it is first used.
        var handle = new SafeFileHandle(descriptor, ownsHandle: false);
        RandomAccess.Write(
            handle,
            System.Text.Encoding.ASCII.GetBytes($"openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nGroups = {string.Join(':', known)}\n"),
            fileOffset: 0);

        // The environment that .NET shows is a copy; OpenSSL reads the process's.
        if (SetVariable("OPENSSL_CONF", string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}"), 1) != 0)
            throw new IOException($"The environment cannot be written: error {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "setenv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LoggerMessage(30, LogLevel.Warning, "The key exchange group {Group} is left out: not every OpenSSL has it.")]
    private static partial void LogHybrid(ILogger logger, string group);
}
