using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Registers the node: maintains its Node object, which is recreated when it is deleted, and its Lease. It writes only the status: labels,
/// taints and cordoning are up to the user.
/// </summary>
internal sealed class NodeRegistration(NodeContext node)
{
    private const string LeaseNamespace = "kube-node-lease";
    private const int LeaseSeconds = 40;
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(3));
    private static readonly TimeSpan LeaseRenewal = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromMinutes(5);
    private readonly string _name = node.Options.NodeName;

    /// <summary>Creates the Node object if it does not exist and renews its status; retries until the server is up.</summary>
    public async Task RegisterAsync(CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                var known = await FindOrCreateAsync(cancellation);
                var now = node.Time.GetUtcNow();
                var status = NodeStatus.Make(node.Options, node.Runtime.Limits.Description, known.Metadata.CreationTimestamp ?? now, now);
                await node.Client.PatchAsync(
                    Resources.Nodes,
                    null,
                    _name,
                    new Patch(PatchType.Merge, new JsonObject { ["status"] = status }.ToJsonString()),
                    cancellation,
                    subresource: "status"
                );
                return;
            }
            catch (Exception e) when (e is KubernetesException or HttpRequestException or IOException)
            {
                node.Logger.LogDebug(e, "Cannot register the node yet");
                await Task.Delay(Delays.After(failures), node.Time, cancellation);
            }
        }
    }

    /// <summary>Renews both until cancelled.</summary>
    public async Task KeepAsync(CancellationToken cancellation)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var handler = node.Objects.Nodes.AddHandler(change =>
        {
            if (change.New is null && change.Key.Name == _name)
            {
                Volatile.Read(ref gone).TrySetResult();
            }
        });
        var written = node.Time.GetTimestamp();
        while (true)
        {
            await RenewLeaseAsync(cancellation);
            await Task.WhenAny(gone.Task, Task.Delay(LeaseRenewal, node.Time, cancellation));
            cancellation.ThrowIfCancellationRequested();
            if (gone.Task.IsCompleted || node.Time.GetElapsedTime(written) >= Heartbeat)
            {
                Volatile.Write(ref gone, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                await RegisterAsync(cancellation);
                written = node.Time.GetTimestamp();
            }
        }
    }

    private async Task<NodeObject> FindOrCreateAsync(CancellationToken cancellation)
    {
        try
        {
            return await node.Client.GetAsync(Resources.Nodes, null, _name, cancellation);
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            return await node.Client.CreateAsync(
                Resources.Nodes,
                NodeStatus.Make(node.Options, node.Runtime.Limits.Description, node.Time.GetUtcNow()),
                cancellation
            );
        }
    }

    private async Task RenewLeaseAsync(CancellationToken cancellation)
    {
        var now = node.Time.GetUtcNow();
        try
        {
            try
            {
                var renewal = new JsonObject
                {
                    ["spec"] = new JsonObject
                    {
                        ["renewTime"] = now.UtcDateTime.ToString(
                            "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'",
                            System.Globalization.CultureInfo.InvariantCulture
                        ),
                    },
                };
                await node.Client.PatchAsync(
                    Resources.Leases,
                    LeaseNamespace,
                    _name,
                    new Patch(PatchType.Merge, renewal.ToJsonString()),
                    cancellation
                );
            }
            catch (KubernetesException e) when (e.IsNotFound)
            {
                await node.Client.CreateAsync(
                    Resources.Leases,
                    new Lease
                    {
                        ApiVersion = Resources.Leases.ApiVersion,
                        Kind = Resources.Leases.Kind,
                        Metadata = new ObjectMeta { Name = _name, Namespace = LeaseNamespace },
                        Spec = new LeaseSpec
                        {
                            HolderIdentity = _name,
                            LeaseDurationSeconds = LeaseSeconds,
                            RenewTime = now,
                        },
                    },
                    cancellation
                );
            }
        }
        catch (Exception e) when (e is KubernetesException or HttpRequestException or IOException)
        {
            // The next renewal is soon, and the lease survives several failed ones.
            node.Logger.LogDebug(e, "Cannot renew the lease of the node");
        }
    }
}
