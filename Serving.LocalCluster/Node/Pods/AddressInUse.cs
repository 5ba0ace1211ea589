using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Recognizes programs that ended because a port was taken: in a cluster they would not have, for there each pod has a network of
/// its own. Pure.
/// </summary>
internal static class AddressInUse
{
    // What Linux, Go, .NET, Java and Python programs, and Node.js, say of EADDRINUSE.
    private static readonly string[] Signs = ["address already in use", "Address in use", "EADDRINUSE"];

    /// <summary>The cause and the remedy, when the last lines of a program's log say that an address was in use; else null.</summary>
    public static string? Explain(string lastLines, string container, PodPorts ports)
        => Signs.Any(sign => lastLines.Contains(sign, StringComparison.OrdinalIgnoreCase))
            ? $"Container {container} ended because an address that it listens on is in use: all pods share the ports of this machine. " +
              $"Let the program listen on $LISTEN_ADDRESS ({(ports.SidecarPorts.Count == 0 ? ports.Address.ToString() : "127.0.0.1")}) instead of every address"
              + (ports.UserPort == 0 ? "." : ", at $PORT.")
            : null;
}
