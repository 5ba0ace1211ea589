using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Host.Local.Terminal;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;

namespace Serving.Host.Local;

/// <summary>Waits until the Services applied by the command line respond, and prints their addresses, or why they do not respond.</summary>
internal sealed class AppliedServices(IKubernetesClient client, ITerminal terminal, int gatewayPort, TimeProvider time)
{
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>The addresses that respond now, in the form a user would type.</summary>
    public async Task<IReadOnlyList<string>> WaitAsync(IEnumerable<IKubernetesObject> applied, CancellationToken cancellation)
    {
        var addresses = new List<string>();
        foreach (
            var service in applied.Where(value =>
                value.Kind == Resources.KnativeServices.Kind && value.ApiVersion == Resources.KnativeServices.ApiVersion
            )
        )
        {
            if (await WaitAsync(ObjectKey.Of(service), cancellation) is { } address)
            {
                addresses.Add(address);
            }
        }

        return addresses;
    }

    private static Condition? ReadyOf(Service service) => service.Status.Conditions.FirstOrDefault(condition => condition.Type == "Ready");

    private async Task<string?> WaitAsync(ObjectKey key, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var service = await client.GetAsync(Resources.KnativeServices, key.Namespace, key.Name, cancellation);
            var ready = service.Status.ObservedGeneration == service.Metadata.Generation ? ReadyOf(service) : null;
            if (ready is { Status: "True" })
            {
                var address = $"{service.Status.Url}:{gatewayPort}";
                terminal.Line($"ready          {key}  {address}");
                return address;
            }

            var waited = time.GetElapsedTime(started);
            if (waited > ReadyTimeout || (ready is { Status: "False" } && waited > Interval * 4))
            {
                var why = ready is { Message.Length: > 0 } ? $"{ready.Reason}: {ready.Message}" : "it takes longer than usual";
                terminal.Line($"not ready yet  {key}  {why}");
                return null;
            }

            await Task.Delay(Interval, time, cancellation);
        }
    }
}
