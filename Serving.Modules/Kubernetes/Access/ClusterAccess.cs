using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using k8s;
using k8s.Exceptions;
using Serving.Concurrency.Sockets;

namespace Serving.Kubernetes.Access;

/// <summary>
/// How to reach a cluster: the package's configuration, and what the package does not support or does less well
/// (docs/adr/0001-kubernetes-client.md).
/// </summary>
public sealed record ClusterAccess
{
    private const string ServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

    /// <summary>The server, its namespace and the static credentials. Not changed after a client was created from it.</summary>
    public required KubernetesClientConfiguration Configuration { get; init; }

    /// <summary>A credential that changes, used instead of the configuration's token; null for none.</summary>
    public IRefreshableCredential? Credential { get; init; }

    /// <summary>The identity to impersonate; null for none.</summary>
    public Impersonation? Impersonation { get; init; }

    /// <summary>The proxy; null for none.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>The address of the API server.</summary>
    public Uri Server => new(Configuration.Host);

    /// <summary>The CA certificates for the server's certificate; null for the machine's trust store.</summary>
    public X509Certificate2Collection? Authorities => Trust?.Authorities;

    internal ServerTrust? Trust { get; init; }

    /// <summary>
    /// Finds the configuration as kubectl does: the file named, else <c>KUBECONFIG</c>, else the pod's service account, else
    /// <c>~/.kube/config</c>. Throws <see cref="KubernetesConfigurationException"/>.
    /// </summary>
    public static ClusterAccess Load(string? file = null, string? context = null, TimeProvider? time = null)
    {
        file = string.IsNullOrEmpty(file) ? Environment.GetEnvironmentVariable("KUBECONFIG") : file;
        if (!string.IsNullOrEmpty(file))
        {
            return FromKubeconfig(file, context, time);
        }

        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST")))
        {
            return InCluster();
        }

        var home = KubernetesClientConfiguration.KubeConfigDefaultLocation;
        return File.Exists(home)
            ? FromKubeconfig(home, context, time)
            : throw new KubernetesConfigurationException(
                home,
                "",
                "no such file, and neither KUBECONFIG nor KUBERNETES_SERVICE_HOST is set"
            );
    }

    /// <summary>Reads a kubeconfig; several files are separated by <c>:</c> and the first to define a name wins. Throws
    /// <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="file">The file or files.</param>
    /// <param name="context">The context to use; the file's current one when null.</param>
    /// <param name="time">The clock for expiry of credentials.</param>
    public static ClusterAccess FromKubeconfig(string file, string? context = null, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        return new Kubeconfig(file).Resolve(context, time ?? TimeProvider.System);
    }

    /// <summary>The configuration that Kubernetes gives every pod. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="folder">Where the package expects the service account; for tests.</param>
    internal static ClusterAccess InCluster(string folder = ServiceAccountFolder)
    {
        var authorities = Path.Combine(folder, "ca.crt");
        try
        {
            return new ClusterAccess
            {
                Configuration = KubernetesClientConfiguration.InClusterConfig(),
                Credential = new TokenFile(Path.Combine(folder, "token")),
                Trust = new ServerTrust(ServerTrust.Parse(File.ReadAllText(authorities)), authorities),
            };
        }
        catch (KubeConfigException error)
        {
            throw new KubernetesConfigurationException(folder, "", error.Message, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new KubernetesConfigurationException(authorities, "", error.Message, error);
        }
        catch (FormatException error)
        {
            throw new KubernetesConfigurationException(
                "environment",
                "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT",
                error.Message,
                error
            );
        }
    }

    /// <summary>The configuration from which the package creates a client.</summary>
    /// <param name="certificate">The current certificate of <see cref="Credential"/>, sent in every handshake.</param>
    internal KubernetesClientConfiguration ToConfiguration(X509Certificate2? certificate) =>
        new()
        {
            Host = Configuration.Host,
            Namespace = Configuration.Namespace,
            SkipTlsVerify = Configuration.SkipTlsVerify,
            TlsServerName = Configuration.TlsServerName,
            ClientCertificateData = Configuration.ClientCertificateData,
            ClientCertificateKeyData = Configuration.ClientCertificateKeyData,
            ClientCertificateFilePath = Configuration.ClientCertificateFilePath,
            ClientKeyFilePath = Configuration.ClientKeyFilePath,
            AccessToken = Configuration.AccessToken,
            Username = Configuration.Username,
            Password = Configuration.Password,
            TokenProvider = Credential ?? Configuration.TokenProvider,
            HttpClientTimeout = Timeout.InfiniteTimeSpan,
            UserAgent = null,
            FirstMessageHandlerSetup = handler => SetUp(handler, certificate),

            // SslCaCerts stays empty; otherwise the package would replace our server certificate validation.
        };

    private void SetUp(SocketsHttpHandler handler, X509Certificate2? certificate)
    {
        handler.ConnectCallback = PoolConnections.ConnectAsync;
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(90);
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.ActivityHeadersPropagator = null;
        handler.UseProxy = Proxy is not null;
        handler.Proxy = Proxy is null ? null : new WebProxy(Proxy);
        handler.SslOptions.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
        if (Trust is { } trust)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = trust.Accepts;
        }

        if (certificate is not null)
        {
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }
    }
}
