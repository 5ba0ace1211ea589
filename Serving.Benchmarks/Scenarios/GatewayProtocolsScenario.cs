using System.Net;
using System.Text;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;
using Serving.Certificates;
using Serving.Kubernetes.Client;

namespace Serving.Benchmarks.Scenarios;

/// <summary>TLS and HTTP/2 of the gateway beside those of nginx before the same pod.</summary>
internal sealed class GatewayProtocolsScenario : IScenario
{
    private const string Name = "bench-protocols";
    private const string CertifiedName = Name + "-tls";
    private const string CertifiedHost = Name + ".example.com";

    public ScenarioText Text { get; } =
        new(
            "gateway-protocols",
            "Gateway to pod, TLS and HTTP/2",
            $"""
            h2load, beside nginx as above, to the pod of a Service like the one above. *h1 TLS*: HTTP/1.1 over TLS, 32 connections
            kept open. *h2c*: HTTP/2 in clear text with prior knowledge, 8 connections kept open with 8 streams each. *h2 TLS*: the
            same over TLS. Gateway and nginx have the same certificate (ECDSA P-256), TLS 1.3 with `{H2Load.CipherSuite}`, and
            speak HTTP/1.1 to the pod. A round begins with the handshakes of its connections. This gateway is a process of its own
            (`run --modules gateway`): its CPU and memory are those of the gateway alone.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings)
    {
        if (!H2Load.IsInstalled)
        {
            findings.NotMeasured("all of it: h2load is not on the PATH (Debian: `apt-get install nghttp2-client`).");
            return Task.CompletedTask;
        }

        return run.WithClusterAsync(async cluster =>
        {
            await cluster.ApplyOnePodAsync(Name, "helloworld", proxied: false);
            var certificate = CertificateAuthority.Issue(CertifiedHost, [CertifiedHost], [], DateTimeOffset.UtcNow, TimeSpan.FromDays(1));
            await AddHostAsync(cluster.Client, certificate);
            await using (var gateway = MeasuredGateway.Start(run.Options.Host, cluster.Kubeconfig))
            {
                await gateway.RespondsAsync(CertifiedHost, certificate.Authorities);
                await MeasureAsync(run, findings, cluster, gateway, certificate);
            }

            await cluster.Client.DeleteAsync(Resources.Ingresses, ClusterServices.Namespace, CertifiedName, CancellationToken.None);
            await cluster.Client.DeleteAsync(Resources.Secrets, ClusterServices.Namespace, CertifiedName, CancellationToken.None);
            await cluster.DeleteAsync(Name);
        });
    }

    private static async Task MeasureAsync(
        ScenarioRun run,
        Findings findings,
        MeasuredHost cluster,
        MeasuredGateway gateway,
        ServingCertificatePems certificate
    )
    {
        if (Nginx.Path is null)
        {
            findings.NotMeasured("the ratios: nginx is not on the PATH (Debian: `apt-get install nginx-light`).");
            Absolute(findings, await ComparisonAsync(run, LoadProtocol.All.Select(Gateway)));
            return;
        }

        await using var nginx = await Nginx.StartAsync(
            await cluster.AddressAsync(ClusterServices.Namespace, Name + "-00001-private"),
            certificate
        );
        var comparison = await ComparisonAsync(
            run,
            LoadProtocol.All.SelectMany(protocol => (Contender[])[Gateway(protocol), Other(protocol)])
        );
        foreach (var protocol in LoadProtocol.All)
            GatewayScenario.RatiosToNginx(findings, comparison, Gateway(protocol).Name, Other(protocol).Name);
        Absolute(findings, comparison);

        Contender Gateway(LoadProtocol protocol) =>
            Of("gateway", protocol, protocol.HasTls ? gateway.Https : gateway.Http, () => gateway.Cpu, () => gateway.ResidentMebibytes);

        Contender Other(LoadProtocol protocol) =>
            Of("nginx", protocol, protocol.HasTls ? nginx.TlsAddress! : nginx.Http2Address, () => nginx.Cpu, () => nginx.ResidentMebibytes);
    }

    private static Contender Of(string proxy, LoadProtocol protocol, IPEndPoint server, Func<TimeSpan> cpu, Func<double> mebibytes) =>
        new($"{proxy} {protocol.Name}", new H2Load(protocol, server, CertifiedHost), cpu, mebibytes);

    private static async Task<Comparison> ComparisonAsync(ScenarioRun run, IEnumerable<Contender> contenders) =>
        new("gateway-protocols", await GatewayScenario.MeasureAsync(run, [.. contenders]));

    private static void Absolute(Findings findings, Comparison comparison) =>
        comparison.Absolute(findings, "CPU per request before the same pod, by protocol");

    /// <summary>Adds a host with a certificate that is routed as the host of the Service is.</summary>
    private static async Task AddHostAsync(ClusterClient client, ServingCertificatePems certificate)
    {
        var metadata = new ObjectMeta { Name = CertifiedName, Namespace = ClusterServices.Namespace };
        await client.CreateAsync(
            Resources.Secrets,
            new Secret
            {
                Metadata = metadata,
                Type = "kubernetes.io/tls",
                Data = new Dictionary<string, byte[]>
                {
                    ["tls.crt"] = Encoding.ASCII.GetBytes(certificate.Certificate),
                    ["tls.key"] = Encoding.ASCII.GetBytes(certificate.Key),
                },
            },
            CancellationToken.None
        );
        var service = await client.GetAsync(Resources.Ingresses, ClusterServices.Namespace, Name, CancellationToken.None);
        var rule = service.Spec.Rules.First(static one => one.Hosts.Contains(ClusterServices.HostOf(Name)));
        await client.CreateAsync(
            Resources.Ingresses,
            new Ingress
            {
                Metadata = metadata with
                {
                    Annotations = service
                        .Metadata.Annotations.Where(static one => one.Key == NetworkingKeys.IngressClass.Key)
                        .ToDictionary(),
                },
                Spec = new IngressSpec
                {
                    HttpOption = service.Spec.HttpOption,
                    Rules = [rule with { Hosts = [CertifiedHost] }],
                    Tls =
                    [
                        new IngressTls
                        {
                            Hosts = [CertifiedHost],
                            SecretName = CertifiedName,
                            SecretNamespace = ClusterServices.Namespace,
                        },
                    ],
                },
            },
            CancellationToken.None
        );
    }
}
