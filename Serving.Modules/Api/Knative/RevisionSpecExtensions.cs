using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Knative;

/// <summary>The serving container and port in a Revision's specification.</summary>
public static class RevisionSpecExtensions
{
    /// <summary>The default container port.</summary>
    public const int DefaultUserPort = 8080;

    /// <summary>The name of the user's port in pods.</summary>
    public const string UserPortName = "user-port";

    /// <summary>The only container, or the one with a port; an empty one if there is none.</summary>
    public static Container ServingContainer(this PodSpec spec) =>
        spec.Containers.Count == 1
            ? spec.Containers[0]
            : spec.Containers.FirstOrDefault(container => container.Ports.Count > 0) ?? new Container();

    /// <summary>The containers other than the serving one.</summary>
    public static IEnumerable<Container> SidecarContainers(this PodSpec spec) =>
        spec.Containers.Count == 1 ? [] : spec.Containers.Where(container => container.Ports.Count == 0);

    /// <summary>The serving port.</summary>
    public static int UserPort(this PodSpec spec) =>
        spec.ServingContainer().Ports is [{ Number: > 0 } port, ..] ? port.Number : DefaultUserPort;

    /// <summary><c>h2c</c> if the port is named so, otherwise <c>http1</c>.</summary>
    public static string Protocol(this PodSpec spec) =>
        spec.ServingContainer().Ports is [{ Name: NetworkingKeys.ProtocolH2C }, ..]
            ? NetworkingKeys.ProtocolH2C
            : NetworkingKeys.ProtocolHttp1;
}
