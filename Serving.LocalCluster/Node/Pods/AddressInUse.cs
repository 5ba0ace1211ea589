using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Detects programs that exited because a port was in use: that does not happen in a cluster, where each pod has its own network. Pure.
/// </summary>
internal static class AddressInUse
{
    // The texts of Linux, Go, .NET, Java, Python and Node.js programs for EADDRINUSE.
    private static readonly string[] Signs = ["address already in use", "Address in use", "EADDRINUSE"];

    /// <summary>The cause and the fix, when the last lines of a program's log report an address in use; else null.</summary>
    public static string? Explain(string lastLines, string container, PodPorts ports) =>
        Signs.Any(sign => lastLines.Contains(sign, StringComparison.OrdinalIgnoreCase))
            ? $"Container {container} exited because the address that it listens on is in use: all pods share the ports of this machine. "
                + $"Make the program listen on $LISTEN_ADDRESS ({(ports.SidecarPorts.Count == 0 ? ports.Address.ToString() : "127.0.0.1")}) instead of all addresses"
                + (ports.UserPort == 0 ? "." : ", at $PORT.")
            : null;
}
