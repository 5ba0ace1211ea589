namespace Serving.Controller.Common;

/// <summary>Kinds that are tracked by name.</summary>
internal static class References
{
    public const string Configuration = "Configuration";
    public const string Revision = "Revision";
    public const string Service = "Service";
    public const string Route = "Route";
}
