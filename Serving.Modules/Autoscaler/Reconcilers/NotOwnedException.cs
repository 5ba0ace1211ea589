namespace Serving.Autoscaler.Reconcilers;

/// <summary>An object that has the name of a child belongs to somebody else.</summary>
internal sealed class NotOwnedException(string kind, string name, string owner) : Exception($"PA: {owner} does not own {kind}: {name}")
{
    public string Kind => kind;

    public string ChildName => name;
}
