using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Serving.QueueProxy;

/// <summary>
/// Configures OpenSSL's key exchange groups and their order. .NET has no API for this, so it uses an OpenSSL configuration file, in memory
/// because the root file system may be read-only. Invariant: it takes effect only before OpenSSL is first used.
/// </summary>
internal static partial class KeyExchangeGroups
{
    // OpenSSL ignores the whole line when it contains an unknown group.
    private const string HybridGroup = "X25519MLKEM768";

    /// <summary>Sets the groups of this process; an empty list keeps OpenSSL's default.</summary>
    public static void Set(IReadOnlyList<string> groups, ILogger logger)
    {
        if (groups.Count == 0)
            return;
        var known = groups.Where(static group => group != HybridGroup).ToList();
        if (known.Count < groups.Count)
            LogHybrid(logger, HybridGroup);
        if (known.Count == 0)
            return;
        var descriptor = MemfdCreate("openssl.cnf", 0);
        if (descriptor < 0)
            throw new IOException($"Creating a memory file for OpenSSL's configuration failed: errno {Marshal.GetLastPInvokeError()}.");

        // Neither closed nor disposed: OpenSSL opens it by path when it is first used.
        var handle = new SafeFileHandle(descriptor, ownsHandle: false);
        RandomAccess.Write(
            handle,
            System.Text.Encoding.ASCII.GetBytes(
                $"openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n[tls]\nGroups = {string.Join(':', known)}\n"
            ),
            fileOffset: 0
        );

        // Environment.SetEnvironmentVariable changes only .NET's copy; OpenSSL reads the environment of the process.
        if (SetVariable("OPENSSL_CONF", string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}"), 1) != 0)
            throw new IOException($"Setting the environment variable OPENSSL_CONF failed: errno {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "setenv", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LoggerMessage(30, LogLevel.Warning, "The key exchange group {Group} is ignored: not every OpenSSL supports it.")]
    private static partial void LogHybrid(ILogger logger, string group);
}
