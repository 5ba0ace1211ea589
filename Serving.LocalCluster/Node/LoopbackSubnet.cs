using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Serving.LocalCluster.Node;

/// <summary>
/// A 127.a.b.0/24 that belongs only to this instance, so that several local clusters on one machine use different pod
/// addresses. It is claimed by an abstract socket, which the kernel releases when the process ends, however
/// it ends, and which lives in the same network namespace as the addresses. Host addresses .2 to .9 are for
/// the process itself, .10 to .254 for pods.
/// </summary>
public sealed class LoopbackSubnet : IDisposable
{
    private const int FirstSecond = 77;
    private const int Subnets = 50 * 256;
    private const int FirstPod = 10;
    private const int LastPod = 254;
    private readonly Socket _claim;
    private readonly Lock _lock = new();
    private readonly HashSet<int> _used = [];
    private int _last;

    private LoopbackSubnet(string prefix, Socket claim)
    {
        Prefix = prefix;
        _claim = claim;

        // Do not always start at the first address: a client's connection pool may still hold one of the previous instance.
        _last = Random.Shared.Next(FirstPod, LastPod + 1);
    }

    /// <summary>The first three numbers, such as <c>127.77.0</c>.</summary>
    public string Prefix { get; }

    /// <summary>
    /// Claims a subnet: the one named by <paramref name="prefix"/> (<c>127.a.b</c>), or a free one without listeners.
    /// Throws <see cref="InvalidOperationException"/> when it is in use, naming the holder, or when it is not a loopback subnet other than
    /// 127.0.0.
    /// </summary>
    public static LoopbackSubnet Claim(string? prefix = null)
    {
        if (prefix is not null)
        {
            if (!IsLoopbackPrefix(prefix))
            {
                throw new InvalidOperationException(
                    $"\"{prefix}\" is not the prefix of a loopback subnet: expected 127.a.b, and not 127.0.0"
                );
            }

            return TryClaim(prefix)
                ?? throw new InvalidOperationException(
                    $"the addresses {prefix}.* are in use by {AddressHolder.OfAbstractSocket(ClaimName(prefix)) ?? "another local cluster"}"
                );
        }

        var busy = PrefixesWithListeners();
        // Start anywhere: the subnet of a killed instance must not be reused at once, or its clients would reach the wrong cluster.
        var start = Random.Shared.Next(Subnets);
        for (var i = 0; i < Subnets; i++)
        {
            var number = (start + i) % Subnets;
            var candidate = string.Create(CultureInfo.InvariantCulture, $"127.{FirstSecond + (number / 256)}.{number % 256}");
            if (!busy.Contains(candidate) && TryClaim(candidate) is { } subnet)
            {
                return subnet;
            }
        }

        throw new InvalidOperationException("every loopback subnet from 127.77.0 to 127.126.255 is in use by other local clusters");
    }

    /// <summary>Claims the subnet that an earlier run saved in a file if it is still free, else another one, and saves it.</summary>
    public static LoopbackSubnet ClaimAgain(string file)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        var known = File.Exists(file) ? File.ReadAllText(file).Trim() : "";
        var subnet = (IsLoopbackPrefix(known) && !PrefixesWithListeners().Contains(known) ? TryClaim(known) : null) ?? Claim();
        PrivateFile.Replace(file, subnet.Prefix);
        return subnet;
    }

    /// <summary>An address of the process itself; <paramref name="host"/> is 2 to 9.</summary>
    public IPAddress HostAddress(int host)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(host, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(host, FirstPod);
        return Address(host);
    }

    /// <summary>A free pod address; a released address is reused only after all others. Null when all 245 are in use.</summary>
    public IPAddress? AllocatePodAddress()
    {
        lock (_lock)
        {
            for (var tried = FirstPod; tried <= LastPod; tried++)
            {
                _last = _last >= LastPod ? FirstPod : _last + 1;
                if (_used.Add(_last))
                {
                    return Address(_last);
                }
            }

            return null;
        }
    }

    /// <summary>Releases an address of <see cref="AllocatePodAddress"/>.</summary>
    public void Release(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        lock (_lock)
        {
            _used.Remove(address.GetAddressBytes()[3]);
        }
    }

    /// <summary>Releases the subnet.</summary>
    public void Dispose() => _claim.Dispose();

    private IPAddress Address(int host) => IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"{Prefix}.{host}"));

    private static bool IsLoopbackPrefix(string prefix) =>
        IPAddress.TryParse(prefix + ".1", out var address)
        && IPAddress.IsLoopback(address)
        && prefix.Split('.') is [_, _, _]
        && prefix != "127.0.0";

    private static string ClaimName(string prefix) => $"serving-local/{prefix}";

    // Programs that do not claim their subnet, for example a control plane that was started by hand on such an address.
    private static HashSet<string> PrefixesWithListeners() =>
        [
            .. IPGlobalProperties
                .GetIPGlobalProperties()
                .GetActiveTcpListeners()
                .Select(endpoint => endpoint.Address.ToString())
                .Where(address => address.StartsWith("127.", StringComparison.Ordinal))
                .Select(address => address[..address.LastIndexOf('.')]),
        ];

    private static LoopbackSubnet? TryClaim(string prefix)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint("\0" + ClaimName(prefix)));
            return new LoopbackSubnet(prefix, socket);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            return null;
        }
    }
}
