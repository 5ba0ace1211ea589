using System.CommandLine;
using System.Globalization;
using System.Net;
using Serving.Host.DefaultDomains;
using Serving.Host.Local;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Host.Commands;

/// <summary><c>default-domain</c>: writes a domain that resolves to the gateway's address into config-domain; a step after the
/// install.</summary>
internal static class DefaultDomainCommand
{
    private const int LongestTimeout = 24 * 60 * 60;

    public static Command Create()
    {
        var kubeconfig = new Option<FileInfo?>("--kubeconfig")
        {
            Description = "A kubeconfig file; default: KUBECONFIG, else the pod's service account, else ~/.kube/config.",
        };
        var context = new Option<string?>("--context") { Description = "The context of the kubeconfig to use." };
        var magicDns = Checked(
            "--magic-dns",
            "A DNS service that resolves ADDRESS.SERVICE to the address, such as sslip.io or nip.io.",
            MagicDomain.DefaultService,
            static text => Uri.CheckHostName(text) == UriHostNameType.Dns && text.Contains('.', StringComparison.Ordinal),
            "a domain such as sslip.io"
        );
        var service = Checked(
            "--service",
            "The gateway's Service as [NAMESPACE/]NAME; the namespace is SYSTEM_NAMESPACE unless named.",
            "gateway",
            static text => text.Split('/') is { Length: <= 2 } parts && Array.TrueForAll(parts, static part => part.Length > 0),
            "[NAMESPACE/]NAME"
        );
        var timeout = Checked(
            "--timeout",
            $"Seconds to wait for the address, at most {LongestTimeout}.",
            "1200",
            static text =>
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                && seconds is >= 1 and <= LongestTimeout,
            $"a number of seconds from 1 to {LongestTimeout}"
        );
        var command = new Command(
            "default-domain",
            "Waits for the gateway's address and makes ADDRESS.sslip.io the domain of all Routes, unless config-domain has one."
        )
        {
            kubeconfig,
            context,
            magicDns,
            service,
            timeout,
        };
        command.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    parsed.GetValue(kubeconfig)?.FullName,
                    parsed.GetValue(context),
                    parsed.GetValue(service)!.Split('/'),
                    new DefaultDomainOptions(SystemNamespace())
                    {
                        MagicDns = parsed.GetValue(magicDns)!.ToLowerInvariant(),
                        Timeout = TimeSpan.FromSeconds(int.Parse(parsed.GetValue(timeout)!, CultureInfo.InvariantCulture)),
                    },
                    cancellation
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string? kubeconfig,
        string? context,
        string[] service,
        DefaultDomainOptions options,
        CancellationToken cancellation
    )
    {
        using var signal = new TerminationSignal();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signal.Token);
        try
        {
            using var client = new ClusterClient(ClusterAccess.Load(kubeconfig, context));
            var finder = new GatewayAddressFinder(
                client,
                service.Length == 2 ? service[0] : options.SystemNamespace,
                service[^1],
                Dns.GetHostAddressesAsync
            );
            await new DefaultDomainWriter(client, finder, options, Console.WriteLine, TimeProvider.System).RunAsync(stop.Token);
            return ExitCode.Ok;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            throw new UserErrorException("stopped before the gateway's address was found; config-domain is unchanged.");
        }
        catch (KubernetesConfigurationException failure)
        {
            throw new UserErrorException(failure.Message, failure);
        }
    }

    private static string SystemNamespace() =>
        Environment.GetEnvironmentVariable("SYSTEM_NAMESPACE") is { Length: > 0 } name ? name : "knative-serving";

    /// <summary>An option whose text must pass a check; the error names the option.</summary>
    private static Option<string> Checked(string name, string description, string value, Func<string, bool> check, string expected)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => value };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !check(token.Value))
            {
                result.AddError($"{name}: '{token.Value}' is not {expected}.");
            }
        });
        return option;
    }
}
