using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Serving.Api;
using Serving.Api.CertManager;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// Stands in for cert-manager with an ACME issuer that uses HTTP-01. For each domain of a Certificate it creates a Challenge and the Pod
/// and Service of a solver, waits like cert-manager's self-check until the gateway leads to the solver, and then validates like the
/// authority: the response must be the solver's at the first attempt, without a redirect. Then it issues the certificate, and deletes the
/// solver.
/// </summary>
internal sealed class AcmeAuthority : IAsyncDisposable
{
    /// <summary>The definitions of cert-manager's kinds, without their schemas.</summary>
    public static string Definitions { get; } =
        string.Join(
            "\n---\n",
            Definition("cert-manager.io", "certificates", "Certificate"),
            Definition("cert-manager.io", "issuers", "Issuer"),
            Definition("cert-manager.io", "clusterissuers", "ClusterIssuer", "Cluster"),
            Definition("acme.cert-manager.io", "challenges", "Challenge")
        );

    /// <summary>The ClusterIssuer.</summary>
    public const string Issuer = """
        apiVersion: cert-manager.io/v1
        kind: ClusterIssuer
        metadata: {name: acme}
        spec:
          acme:
            server: https://acme.example.com/directory
            privateKeySecretRef: {name: acme-account}
            solvers: [{http01: {ingress: {ingressClassName: knative} } }]
        """;

    private const int SolverPort = 8089;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _stop = new();
    private readonly TestAuthority _authority = new("acme");
    private readonly TestCluster _cluster;
    private readonly Task _running;

    public AcmeAuthority(TestCluster cluster)
    {
        _cluster = cluster;
        _running = Task.Run(RunAsync);
    }

    /// <summary>The CA that signs.</summary>
    public TestAuthority Signer => _authority;

    /// <summary>What the authority got, by domain, when it validated after the self-check: status and body.</summary>
    public ConcurrentDictionary<string, List<(HttpStatusCode Status, string Body)>> Validations { get; } = new();

    /// <summary>The key authorization that a domain's solver responds with.</summary>
    public static string KeyOf(string domain) => $"{TokenOf(domain)}.account-of-the-test";

    /// <summary>The path at which the authority looks for it.</summary>
    public static string PathOf(string domain) => $"/.well-known/acme-challenge/{TokenOf(domain)}";

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _authority.Dispose();
    }

    private static string Definition(string group, string plural, string kind, string scope = "Namespaced") =>
        $$"""
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: {{plural}}.{{group}} }
            spec:
              group: {{group}}
              scope: {{scope}}
              names: {kind: {{kind}}, listKind: {{kind}}List, plural: {{plural}}, singular: {{kind.ToLowerInvariant()}} }
              versions:
              - name: v1
                served: true
                storage: true
                subresources: {status: {} }
                schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true} }
            """;

    private static string TokenOf(string domain) => $"token-{Adler32.Decimal(domain)}";

    private static string NameOf(string domain) => $"cm-acme-http-solver-{Adler32.Decimal(domain)}";

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var pending = (await _cluster.Client.ListAsync(CertManagerResources.Certificates, null, null, _stop.Token)).Items.Where(
                    static certificate => certificate.Status.Conditions.FirstOrDefault(static c => c.Type == "Ready")?.Status != "True"
                );
                foreach (var certificate in pending)
                {
                    await WorkOnAsync(certificate);
                }

                await Task.Delay(Interval, _stop.Token);
            }
            catch (Exception failure) when (failure is KubernetesException or HttpRequestException)
            {
                // A conflict, a deleted namespace, or a gateway that is not ready: the next iteration uses the new state.
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task WorkOnAsync(CertManagerCertificate certificate)
    {
        var ns = certificate.Metadata.Namespace;
        if (certificate.Status.Conditions.Count == 0)
        {
            await SetReadyAsync(certificate, "False", "InProgress");
            return;
        }

        foreach (var domain in certificate.Spec.DnsNames)
        {
            await SolveAsync(ns, domain);
        }

        foreach (var domain in certificate.Spec.DnsNames)
        {
            if (await AskAsync(domain) != (HttpStatusCode.OK, KeyOf(domain)))
            {
                return;
            }
        }

        foreach (var domain in certificate.Spec.DnsNames)
        {
            var found = Validations.GetOrAdd(domain, static _ => []);
            for (var region = 0; region < 3; region++)
            {
                found.Add(await AskAsync(domain));
            }

            if (found.Any(answer => answer != (HttpStatusCode.OK, KeyOf(domain))))
            {
                await SetReadyAsync(certificate, "False", "Failed");
                return;
            }
        }

        var secret = _authority.Secret(ns, certificate.Spec.SecretName, [.. certificate.Spec.DnsNames]);
        await _cluster.Client.CreateAsync(
            Resources.Secrets,
            secret with
            {
                Type = "kubernetes.io/tls",
                Metadata = secret.Metadata with { Labels = certificate.Spec.SecretTemplate!.Labels },
            },
            _stop.Token
        );
        await SetReadyAsync(certificate, "True", "Ready");
        foreach (var domain in certificate.Spec.DnsNames)
        {
            await _cluster.Client.DeleteAsync(Resources.Services, ns, NameOf(domain), _stop.Token);
            await _cluster.Client.DeleteAsync(Resources.Pods, ns, NameOf(domain), _stop.Token);
            await _cluster.Client.DeleteAsync(CertManagerResources.Challenges, ns, NameOf(domain), _stop.Token);
        }
    }

    /// <summary>What an authority on the Internet gets at port 80 of a domain.</summary>
    private async Task<(HttpStatusCode Status, string Body)> AskAsync(string domain) => await _cluster.GetAsync(domain, PathOf(domain));

    private async Task SolveAsync(string ns, string domain)
    {
        var name = NameOf(domain);
        if (await ExistsAsync(ns, name))
        {
            return;
        }

        await _cluster.ApplyAsync(
            $$"""
            apiVersion: acme.cert-manager.io/v1
            kind: Challenge
            metadata: {name: {{name}}, namespace: {{ns}} }
            spec: {type: HTTP-01, dnsName: {{domain}}, token: {{TokenOf(domain)}}, key: {{KeyOf(domain)}} }
            """
        );
        var challenge = await _cluster.Client.GetAsync(CertManagerResources.Challenges, ns, name, _stop.Token);
        var meta = $$"""
            metadata:
              name: {{name}}
              namespace: {{ns}}
              labels: {acme.cert-manager.io/http-domain: "{{Adler32.Decimal(domain)}}", acme.cert-manager.io/http01-solver: "true" }
              ownerReferences: [{apiVersion: acme.cert-manager.io/v1, kind: Challenge, name: {{name}}, uid: {{challenge.Metadata.Uid}}, controller: true, blockOwnerDeletion: true}]
            """;
        await _cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            {{meta}}
            spec:
              terminationGracePeriodSeconds: 1
              containers:
              - name: acmesolver
                image: {{_cluster.ProgramImage}}
                env: [{name: PORT, value: "{{SolverPort}}"}, {name: TEXT, value: "{{KeyOf(domain)}}"}]
                ports: [{name: http, containerPort: {{SolverPort}} }]
                readinessProbe: {tcpSocket: {port: {{SolverPort}} }, periodSeconds: 1}
            ---
            apiVersion: v1
            kind: Service
            {{meta}}
            spec:
              type: NodePort
              selector: {acme.cert-manager.io/http-domain: "{{Adler32.Decimal(domain)}}", acme.cert-manager.io/http01-solver: "true" }
              ports: [{name: http, port: {{SolverPort}}, targetPort: {{SolverPort}} }]
            """
        );
    }

    private async Task<bool> ExistsAsync(string ns, string name)
    {
        try
        {
            await _cluster.Client.GetAsync(Resources.Services, ns, name, _stop.Token);
            return true;
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return false;
        }
    }

    private async Task SetReadyAsync(CertManagerCertificate certificate, string status, string reason)
    {
        var current = await _cluster.Client.GetAsync(
            CertManagerResources.Certificates,
            certificate.Metadata.Namespace,
            certificate.Metadata.Name,
            _stop.Token
        );
        await _cluster.Client.UpdateStatusAsync(
            CertManagerResources.Certificates,
            current with
            {
                Status = current.Status with
                {
                    NotAfter = DateTimeOffset.UtcNow.AddHours(1),
                    RenewalTime = DateTimeOffset.UtcNow.AddMinutes(50),
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Ready",
                            Status = status,
                            Reason = reason,
                            Message = JsonNamingPolicy.KebabCaseLower.ConvertName(reason),
                            LastTransitionTime = DateTimeOffset.UtcNow,
                        },
                    ],
                },
            },
            _stop.Token
        );
    }
}
