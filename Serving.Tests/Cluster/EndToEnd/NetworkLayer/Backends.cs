using NUnit.Framework;

namespace Serving.Tests.Cluster.EndToEnd.NetworkLayer;

/// <summary>
/// The backends of the network layer tests: pods without a sidecar, each behind a Kubernetes Service of the same name.
/// They have no state of a test, so the tests share them.
/// </summary>
[SetUpFixture]
[Parallelizable(ParallelScope.Self)]
public sealed class Backends
{
    /// <summary>The number of Services for the web server, with the names of <see cref="Web"/>.</summary>
    internal const int WebCount = 10;

    /// <summary>The web server, with HTTP/2 as the protocol of its port.</summary>
    internal const string Http2 = "web-http2";

    /// <summary>A server that fails the first request of each <c>?key=</c>.</summary>
    internal const string Flaky = "web-0";

    /// <summary>Calls other servers, including those in the cluster.</summary>
    internal const string Caller = "caller";

    /// <summary>WebSocket servers, which append their names.</summary>
    internal const string BlueSocket = "blue",
        GreenSocket = "green";

    /// <summary>gRPC servers, which reply with their names.</summary>
    internal const string BlueGrpc = "blue-grpc",
        GreenGrpc = "green-grpc";

    /// <summary>The namespace of the programs and of the tests' Ingresses.</summary>
    internal static string Namespace { get; private set; } = "";

    internal static TestCluster Cluster { get; private set; } = null!;

    /// <summary>One of the Services of the web server, which returns each request.</summary>
    internal static string Web(int index) => $"web-{index}";

    [OneTimeSetUp]
    public static async Task StartAsync()
    {
        Cluster = await EndToEndCluster.Shared;
        Namespace = await Cluster.CreateNamespaceAsync();
        await PodAsync(Cluster, Namespace, "web", [("SHOW", "request")]);
        await PodAsync(Cluster, Namespace, Caller, await Cluster.InternalGatewayAsync() is { } gateway ? [("NEXT_ADDRESS", gateway)] : []);
        await PodAsync(Cluster, Namespace, BlueSocket, [("SUFFIX", " blue")]);
        await PodAsync(Cluster, Namespace, GreenSocket, [("SUFFIX", " green")]);
        await PodAsync(Cluster, Namespace, BlueGrpc, [], "grpc");
        await PodAsync(Cluster, Namespace, GreenGrpc, [], "grpc");
        for (var index = 0; index < WebCount; index++)
        {
            await ServiceAsync(Cluster, Namespace, Web(index), "web");
        }

        await ServiceAsync(Cluster, Namespace, Http2, "web", "http2");
        await ServiceAsync(Cluster, Namespace, Caller, Caller);
        await ServiceAsync(Cluster, Namespace, BlueSocket, BlueSocket);
        await ServiceAsync(Cluster, Namespace, GreenSocket, GreenSocket);
        await ServiceAsync(Cluster, Namespace, BlueGrpc, BlueGrpc, "http2");
        await ServiceAsync(Cluster, Namespace, GreenGrpc, GreenGrpc, "http2");
    }

    /// <summary>Runs the test program as a pod.</summary>
    internal static Task PodAsync(
        TestCluster cluster,
        string ns,
        string name,
        (string Name, string Value)[] environment,
        string mode = "web"
    ) =>
        cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: {{name}}, namespace: {{ns}}, labels: {app: {{name}}} }
            spec:
              terminationGracePeriodSeconds: 1
              containers:
              - name: program
                image: {{cluster.ProgramImage}}
                args: [{{mode}}]
                env: [{{string.Join(
                ", ",
                environment.Select(static variable => $"{{name: {variable.Name}, value: \"{variable.Value}\"}}")
            )}}]
                ports: [{containerPort: 8080}]
                readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
            """
        );

    /// <summary>Creates a Kubernetes Service for a pod; the name of its port gives the pod's protocol.</summary>
    internal static Task ServiceAsync(TestCluster cluster, string ns, string name, string pod, string portName = "http") =>
        cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{ns}} }
            spec: {selector: {app: {{pod}}}, ports: [{name: {{portName}}, port: 80, targetPort: 8080}]}
            """
        );
}
