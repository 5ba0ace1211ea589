using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>The Services of a Revision, with or without activators in the path (networking.internal.knative.dev/v1alpha1
/// ServerlessService).</summary>
public sealed record ServerlessService : KnativeObject<ServerlessServiceStatus>
{
    public ServerlessServiceSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>Mode and target.</summary>
public sealed record ServerlessServiceSpec : Extensible
{
    /// <summary><c>Serve</c> (pods get the traffic) or <c>Proxy</c> (activators get it).</summary>
    public string Mode
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public ObjectReference ObjectRef
    {
        get;
        init => field = value ?? new();
    } = new();

    [RequiredField]
    public string ProtocolType
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Number of activators for this Revision; 0 means all.</summary>
    public int NumActivators { get; init; }
}

/// <summary>The names of the two Services.</summary>
public sealed record ServerlessServiceStatus : KnativeStatus
{
    public string ServiceName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string PrivateServiceName
    {
        get;
        init => field = value ?? "";
    } = "";
}
