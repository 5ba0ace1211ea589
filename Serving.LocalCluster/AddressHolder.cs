using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Serving.LocalCluster;

/// <summary>Finds the process that listens on an address, from /proc, for error messages. Best effort: processes of other users are not
/// visible.</summary>
internal static class AddressHolder
{
    /// <summary>
    /// The holder of <paramref name="endpoint"/>, such as <c>process 77 (prometheus)</c>, or null when the endpoint is free.
    /// </summary>
    public static string? Of(IPEndPoint endpoint)
    {
        // The endpoint is usually free, and binding takes microseconds; the kernel's tables may be long.
        if (CanListen(endpoint))
        {
            return null;
        }

        var inode = InodesOfListeners("/proc/net/tcp", endpoint).Concat(InodesOfListeners("/proc/net/tcp6", endpoint)).FirstOrDefault();
        return inode is null ? null : ProcessOf(inode) ?? "a process of another user";
    }

    /// <summary>The process that holds an abstract Unix socket, or null when it is not visible.</summary>
    public static string? OfAbstractSocket(string name)
    {
        foreach (var line in Lines("/proc/net/unix"))
        {
            if (line.EndsWith(" @" + name, StringComparison.Ordinal))
            {
                return ProcessOf(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[6]);
            }
        }

        return null;
    }

    private static bool CanListen(IPEndPoint endpoint)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endpoint);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }

    // Columns: sl local_address rem_address st … inode; state 0A is LISTEN, addresses are hex words in host order.
    private static IEnumerable<string> InodesOfListeners(string table, IPEndPoint endpoint)
    {
        var address = Convert.ToHexString([.. endpoint.Address.GetAddressBytes().Reverse()]);
        foreach (var line in Lines(table).Skip(1))
        {
            var columns = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (columns.Length < 10 || columns[3] != "0A")
            {
                continue;
            }

            var local = columns[1].Split(':');
            var host = local[0];
            var covers = host == address || host.All(c => c == '0') || host == "0000000000000000FFFF0000" + address;
            if (covers && int.Parse(local[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture) == endpoint.Port)
            {
                yield return columns[9];
            }
        }
    }

    private static string? ProcessOf(string inode)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            var name = Path.GetFileName(directory);
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
            {
                continue;
            }

            try
            {
                if (Directory.EnumerateFiles(directory + "/fd").Any(fd => new FileInfo(fd).LinkTarget == $"socket:[{inode}]"))
                {
                    var command = File.ReadAllText(directory + "/comm").Trim();
                    return string.Create(CultureInfo.InvariantCulture, $"process {pid} ({command})");
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The process has ended, or belongs to another user.
                continue;
            }
        }

        return null;
    }

    private static IEnumerable<string> Lines(string path) => File.Exists(path) ? File.ReadLines(path) : [];
}
