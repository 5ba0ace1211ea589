using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Knative;

/// <summary>What a Revision's specification says about the container that takes the traffic.</summary>
public static class RevisionSpecExtensions
{
    /// <summary>The port a container listens on when it names none.</summary>
    public const int DefaultUserPort = 8080;

    /// <summary>The name of the user's port in pods.</summary>
    public const string UserPortName = "user-port";

    /// <summary>The only container, or the one that names a port; an empty one when there is none.</summary>
    public static Container ServingContainer(this PodSpec spec)
        => spec.Containers.Count == 1 ? spec.Containers[0] : spec.Containers.FirstOrDefault(container => container.Ports.Count > 0) ?? new Container();

    /// <summary>The containers beside the one that takes the traffic.</summary>
    public static IEnumerable<Container> SidecarContainers(this PodSpec spec)
        => spec.Containers.Count == 1 ? [] : spec.Containers.Where(container => container.Ports.Count == 0);

    /// <summary>The port that takes the traffic.</summary>
    public static int UserPort(this PodSpec spec)
        => spec.ServingContainer().Ports is [{ Number: > 0 } port, ..] ? port.Number : DefaultUserPort;

    /// <summary><c>h2c</c> when the port says so, else <c>http1</c>.</summary>
    public static string Protocol(this PodSpec spec)
        => spec.ServingContainer().Ports is [{ Name: NetworkingKeys.ProtocolH2C }, ..] ? NetworkingKeys.ProtocolH2C : NetworkingKeys.ProtocolHttp1;
}
